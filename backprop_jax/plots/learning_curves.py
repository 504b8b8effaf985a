"""How well a model does over its training, on what it has seen and on what it has not."""

from typing import TYPE_CHECKING

import numpy as np

from backprop_jax.plots.factors import by_factors
from backprop_jax.plots.paper import BLUE, GREY, ORANGE, blank
from backprop_jax.plots.table import History, Table, as_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves_in", "draw_over", "plot_learning_curves"]

PARTS = {"train": (BLUE, "-"), "validation": (ORANGE, "--")}
SMOOTHED = 50  # points that are left of the losses of batches
FEW = 6  # points up to which each is marked


def plot_learning_curves(history: History, steps: History | None = None) -> "Figure":
    """A field for each quantity that was measured after the epochs: loss, accuracy. The best validation is marked.

    `history` are the rows that `train.fit` gives, or the columns of a `history.csv`. With `steps`, the columns of a
    `steps.csv`, the losses of the batches lie behind the curves, and the axis is in steps.

    Raises:   ValueError if there are no rows, nothing was measured, or no column tells when; ModuleNotFoundError,
              naming the extra to install, if matplotlib is missing.
    """
    table = as_table(history)
    curves = curves_in(table)
    if not curves:
        raise ValueError(f"there is nothing to draw: no column train_... or validation_... among {', '.join(table)}")
    along = "epoch" if steps is None and "epoch" in table else "step"
    if along not in table:
        raise ValueError(f"there is no column {along} to draw over among {', '.join(table)}")
    with blank(5.5 * len(curves), 4) as figure:
        fields = figure.subplots(1, len(curves), squeeze=False)[0]
        for axes, (quantity, parts) in zip(fields, curves.items(), strict=True):
            if steps is not None and quantity == "loss":
                _batches(axes, as_table(steps))
            for part, values in parts.items():
                color, style = PARTS[part]
                dots = "o" if len(values) <= FEW else ""
                label = f"{part}, {values[-1]:.4g} in the end"
                axes.plot(table[along], values, style, color=color, linewidth=2, marker=dots, label=label)
            _mark_best(axes, table[along], parts, smallest=quantity == "loss")
            draw_over(axes, along)
            axes.set_title(quantity, loc="left")
            if quantity == "loss":
                by_factors(axes)
            axes.legend(frameon=False, fontsize=9)
    return figure


def curves_in(table: Table) -> dict[str, dict[str, np.ndarray]]:
    """By quantity, and then by part of the data, loss first."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, values in table.items():
        part, _, quantity = name.partition("_")
        if part in PARTS and quantity:
            found.setdefault(quantity, {})[part] = values
    return dict(sorted(found.items(), key=lambda item: item[0] != "loss"))


def draw_over(axes: "Axes", along: str) -> None:
    """The axes of what is drawn over epochs or steps."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(along)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7, min_n_ticks=1))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.8)


def _batches(axes: "Axes", steps: Table) -> None:
    losses = steps["loss"]
    axes.plot(steps["step"], losses, color=GREY, alpha=0.25, linewidth=0.8)
    stretches = np.array_split(np.arange(len(losses)), min(SMOOTHED, len(losses)))
    middle = [steps["step"][rows].mean() for rows in stretches]
    means = [losses[rows].mean() for rows in stretches]
    axes.plot(middle, means, color=GREY, linewidth=1.2, label="batches, in train mode")


def _mark_best(axes: "Axes", along: np.ndarray, parts: dict[str, np.ndarray], smallest: bool) -> None:
    values = parts.get("validation")
    if values is None or not np.isfinite(values).any():
        return
    best = int(np.nanargmin(values) if smallest else np.nanargmax(values))
    axes.plot(along[best], values[best], "o", color=ORANGE, markersize=9, fillstyle="none", markeredgewidth=1.8)
