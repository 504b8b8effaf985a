"""How the gradient of each layer grows and shrinks while a model learns."""

from typing import TYPE_CHECKING

import numpy as np

from backprop_jax.plots.factors import plain_numbers
from backprop_jax.plots.learning_curves import draw_over
from backprop_jax.plots.paper import ORANGE, blank
from backprop_jax.plots.table import History, as_table, norms_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_gradient_norms"]

MOST_COLUMNS = 400  # beyond which neighbouring steps share one
MOST_NAMES = 60  # layers, beyond which not all are named


def plot_gradient_norms(history: History) -> "Figure":
    """A row a layer, from the input down to the output, over the steps; the colours are factors.

    `history` are the rows that `train.fit` gives, or the columns of a `steps.csv` or `history.csv`. What is 0 is left
    empty, and what is not finite is in another colour. Of more than 400 steps, neighbours show their mean.

    Raises:   ValueError if there are no rows or no gradient norms; ModuleNotFoundError, naming the extra to install, if
              matplotlib is missing.
    """
    table = as_table(history)
    norms = norms_of(table)
    if not norms:
        raise ValueError("there is no layer with a gradient to draw: no column gradient_norm/...")
    along = "step" if "step" in table else "epoch"
    values = np.stack(list(norms.values()))
    rows = np.array_split(np.arange(values.shape[1]), min(values.shape[1], MOST_COLUMNS))
    fields = np.stack([values[:, own].mean(1) for own in rows], 1)
    drawn = fields[np.isfinite(fields) & (fields > 0)]
    low, high = (drawn.min(), drawn.max()) if len(drawn) else (1.0, 1.0)
    if low == high:
        low, high = low / 2, high * 2
    with blank(9, min(max(2.2, 0.24 * len(norms) + 1.4), 12)) as figure:
        from matplotlib.colors import LogNorm

        axes = figure.subplots()
        # Where the fields of the steps or epochs begin and end.
        places = np.array([table[along][own].mean() for own in rows])
        half = np.diff(places).mean() / 2 if len(places) > 1 else 0.5
        edges = np.r_[places[0] - half, (places[1:] + places[:-1]) / 2, places[-1] + half]
        seen = np.where(np.isfinite(fields) & (fields > 0), fields, np.nan)
        lines = np.arange(len(norms) + 1) - 0.5
        mesh = axes.pcolormesh(edges, lines, seen, cmap="viridis", norm=LogNorm(low, high), rasterized=True)
        bad = np.where(np.isfinite(fields), np.nan, 1.0)
        if np.isfinite(bad).any():
            from matplotlib.colors import ListedColormap

            axes.pcolormesh(edges, lines, bad, cmap=ListedColormap([ORANGE]), rasterized=True)
            axes.set_title("not finite", loc="right", color=ORANGE, fontsize=9)
        axes.invert_yaxis()
        every = -(-len(norms) // MOST_NAMES)
        axes.set_yticks(range(0, len(norms), every), list(norms)[::every], fontsize=8, parse_math=False)
        axes.set_title("gradient norm of each layer", loc="left")
        draw_over(axes, along)
        axes.grid(visible=False)
        bar = figure.colorbar(mesh, ax=axes, aspect=30)
        bar.ax.tick_params(which="both", labelsize=8)
        plain_numbers(bar.ax.yaxis, high / low)
    return figure
