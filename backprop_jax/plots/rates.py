"""The score over the learning rate, of several optimizers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from backprop_jax.plots.factors import plain_numbers
from backprop_jax.plots.paper import COLORS, DASHES, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_rates"]


def plot_rates(
    rates: Sequence[float] | np.ndarray, scores: Mapping[str, Mapping[str, np.ndarray]], label: str = "held-out loss"
) -> "Figure":
    """A field a task, with a line for each optimizer: how good its best rate is, and how many are nearly as good.

    A line is the mean over the seeds, and has a gap where one of them diverged. What is far above the middle of all
    scores is cut off.

    Shapes:   rates (N,); scores of a task and an optimizer (N, seeds), the smaller the better.
    Raises:   ValueError if there are no scores, or they are not as many as the rates; ModuleNotFoundError, naming the
              extra to install, if matplotlib is missing.
    """
    rates = np.asarray(rates, float)
    means = {
        task: {name: np.asarray(own, float).mean(1) for name, own in each.items()} for task, each in scores.items()
    }
    lengths = {len(own) for each in means.values() for own in each.values()}
    if lengths != {len(rates)} or not all(means.values()):
        raise ValueError(f"a picture needs a score for each of {len(rates)} rates, not {sorted(lengths)}")
    names = list(dict.fromkeys(name for each in means.values() for name in each))
    with blank(5 * len(means), 4.8) as figure:
        fields = figure.subplots(1, len(means), squeeze=False)[0]
        for axes, (task, each) in zip(fields, means.items(), strict=True):
            for name, own in each.items():
                place = names.index(name)
                color, dash = COLORS[place % len(COLORS)], DASHES[place // len(COLORS) % len(DASHES)]
                axes.plot(rates, np.where(np.isfinite(own), own, np.nan), dash, color=color, marker=".", label=name)
            drawn = np.concatenate(list(each.values()))
            drawn = drawn[np.isfinite(drawn)]
            axes.set(xscale="log", xlabel="learning rate")
            if len(drawn) and drawn.min() > 0:
                low, high = drawn.min(), max(np.quantile(drawn, 0.75), 2 * drawn.min())
                axes.set(yscale="log", ylim=(low / (high / low) ** 0.05, high * (high / low) ** 0.05))
                plain_numbers(axes.yaxis, high / low)
                axes.tick_params(axis="y", which="minor", labelsize=8)
            axes.set_title(task, loc="left")
        fields[0].set_ylabel(label)
        lines = {line.get_label(): line for axes in fields for line in axes.lines}
        figure.legend(
            [lines[name] for name in names], names, loc="outside lower center", ncols=min(len(names), 5), frameon=False
        )
    return figure
