"""How the layers of a model fare over its training."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop_jax.plots.factors import plain_numbers
from backprop_jax.plots.paper import ORANGE, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_layer_health"]

SHARES = {"dead": "units that are dead", "saturated": "outputs that are saturated"}
FACTORS = {"activation": "size of the output (root mean square)", "update": "update over weight"}
MOST_NAMES = 60  # layers, beyond which not all are named


def plot_layer_health(health: Mapping[str, Any]) -> "Figure":
    """A field for each sickness that was looked for: a row a layer, from the input down to the output, over the epochs.

    `health` are the columns of a `health.csv`, as `doctor.record_health` writes it. What is 0 on a scale of factors, or
    not known, is empty; what is infinite is in another colour.

    Raises:   ValueError if nothing is known of any layer; ModuleNotFoundError, naming the extra to install, if
              matplotlib is missing.
    """
    fields = {
        title: (grid, name in FACTORS)
        for name, title in (SHARES | FACTORS).items()
        if _any(grid := _grid(health, name))
    }
    if not fields:
        raise ValueError("there is nothing to draw: the table tells nothing of any layer")
    epochs = np.unique(np.asarray(health["epoch"], float))
    height = min(max(2.4, 0.24 * max(len(grid[0]) for grid, _ in fields.values()) + 1.4), 12)
    with blank(max(4.5 * len(fields), 6), height) as figure:
        for axes, (title, (grid, by_factors)) in zip(
            figure.subplots(1, len(fields), squeeze=False)[0], fields.items(), strict=True
        ):
            _draw(figure, axes, epochs, *grid, by_factors)
            axes.set_title(title, loc="left", fontsize=10)
    return figure


def _grid(health: Mapping[str, Any], name: str) -> tuple[list[str], np.ndarray]:
    """The layers of which something is known, and a number for each of them and each epoch."""
    if not {"epoch", "layer", name} <= health.keys():
        return [], np.zeros((0, 0))
    values = np.asarray(health[name], float)
    if name == "update":
        weight = np.asarray(health.get("weight", np.full(len(values), np.nan)), float)
        values = np.divide(values, weight, out=np.full(len(values), np.nan), where=weight > 0)
    epochs, column = np.unique(np.asarray(health["epoch"], float), return_inverse=True)
    layers = list(dict.fromkeys(map(str, health["layer"])))
    rows = {layer: row for row, layer in enumerate(layers)}
    grid = np.full((len(layers), len(epochs)), np.nan)
    grid[[rows[str(layer)] for layer in health["layer"]], column] = values
    known = np.flatnonzero(~np.isnan(grid).all(1))
    return [layers[row] for row in known], grid[known]


def _any(grid: tuple[list[str], np.ndarray]) -> bool:
    return bool(grid[0])


def _draw(
    figure: "Figure", axes: Any, epochs: np.ndarray, layers: list[str], grid: np.ndarray, by_factors: bool
) -> None:
    from matplotlib.colors import ListedColormap, LogNorm, Normalize
    from matplotlib.ticker import MaxNLocator

    norm: Any = Normalize(0, 1)
    seen = np.where(np.isfinite(grid), grid, np.nan)
    if by_factors:
        seen = np.where(seen > 0, seen, np.nan)
        shown = seen[~np.isnan(seen)]
        low, high = (shown.min(), shown.max()) if len(shown) else (1.0, 1.0)
        norm = LogNorm(low, high) if low < high else LogNorm(low / 2, high * 2)
    edges = np.r_[epochs - 0.5, epochs[-1] + 0.5]
    lines = np.arange(len(layers) + 1) - 0.5
    mesh = axes.pcolormesh(edges, lines, seen, cmap="viridis", norm=norm, rasterized=True)
    infinite = np.where(np.isinf(grid), 1.0, np.nan)
    if np.isfinite(infinite).any():
        axes.pcolormesh(edges, lines, infinite, cmap=ListedColormap([ORANGE]), rasterized=True)
    axes.invert_yaxis()
    every = -(-len(layers) // MOST_NAMES)
    axes.set_yticks(range(0, len(layers), every), layers[::every], fontsize=8, parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    axes.set_xlabel("epoch")
    bar = figure.colorbar(mesh, ax=axes, aspect=30)
    bar.ax.tick_params(which="both", labelsize=8)
    if by_factors:
        plain_numbers(bar.ax.yaxis, norm.vmax / norm.vmin)
    else:
        bar.ax.yaxis.set_major_formatter(lambda value, place: f"{value:.0%}")
