"""How fast a training went, and what it waited for."""

from typing import TYPE_CHECKING

import numpy as np

from backprop_jax.plots.learning_curves import draw_over
from backprop_jax.plots.paper import BLUE, ORANGE, blank
from backprop_jax.plots.table import History, as_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_speed"]


def plot_speed(steps: History, unit: str = "items") -> "Figure":
    """Items a second over the steps, and beside it the part of the time in which the device waited for data.

    `steps` are the columns of a `steps.csv`, which may have no `waiting`.

    Raises:   ValueError if there are no rows or no speeds; ModuleNotFoundError, naming the extra to install, if
              matplotlib is missing.
    """
    table = as_table(steps)
    speeds = table.get("items_per_second")
    if speeds is None or not np.isfinite(speeds).any():
        raise ValueError("there is no speed to draw: no number in a column items_per_second")
    with blank(9, 3) as figure:
        axes = figure.subplots()
        axes.plot(table["step"], speeds, color=BLUE, linewidth=1.8)
        axes.set(ylabel=f"{unit} a second", ylim=(0, 1.1 * np.nanmax(speeds[np.isfinite(speeds)])))
        axes.yaxis.label.set_color(BLUE)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        draw_over(axes, "step")
        if "waiting" in table:
            beside = axes.twinx()
            beside.fill_between(table["step"], 100 * table["waiting"], color=ORANGE, alpha=0.35, linewidth=0)
            beside.set(ylim=(0, 100), ylabel="waiting for data, %")
            beside.yaxis.label.set_color(ORANGE)
    return figure
