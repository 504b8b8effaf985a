"""The learning rate over the steps of a training."""

from typing import TYPE_CHECKING

from backprop_jax.plots.learning_curves import draw_over
from backprop_jax.plots.paper import BLUE, blank
from backprop_jax.plots.table import History, as_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_learning_rate"]


def plot_learning_rate(steps: History) -> "Figure":
    """The learning rate of each step. `steps` are the columns of a `steps.csv` that tells it.

    Raises:   ValueError if there are no rows or no rates; ModuleNotFoundError, naming the extra to install, if
              matplotlib is missing.
    """
    table = as_table(steps)
    if "learning_rate" not in table:
        raise ValueError("there is no learning rate to draw: log_steps(path, learning_rate=...) writes the column")
    with blank(9, 3) as figure:
        axes = figure.subplots()
        axes.plot(table["step"], table["learning_rate"], color=BLUE, linewidth=1.8)
        axes.set(ylabel="learning rate", ylim=(0, 1.1 * (table["learning_rate"].max() or 1)))
        draw_over(axes, "step")
    return figure
