"""The loss over the learning rate."""

from typing import TYPE_CHECKING

from backprop_jax.plots.paper import BLUE, GREY, ORANGE, blank
from backprop_jax.tuning.learning_rate_range import RangeTest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_range_test"]


def plot_range_test(test: RangeTest) -> "Figure":
    """What `tuning.learning_rate_range` measured, with its suggestion.

    Raises:   ModuleNotFoundError, naming the extra to install, if matplotlib is missing.
    """
    with blank() as figure:
        axes = figure.subplots()
        axes.plot(test.learning_rates, test.losses, color=GREY, alpha=0.4, linewidth=1, label="loss of a batch")
        axes.plot(test.learning_rates, test.smoothed, color=BLUE, linewidth=2, label="smoothed")
        axes.axvline(test.suggestion, color=ORANGE, linestyle="--", label=f"falls fastest at {test.suggestion:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        # Single batches may lie far above, near the end.
        low, high = test.smoothed.min(), test.smoothed.max()
        axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
        axes.set_title("Learning-rate range test", loc="left")
        axes.legend(frameon=False)
    return figure
