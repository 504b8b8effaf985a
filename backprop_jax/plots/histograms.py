"""How the numbers of a model are spread."""

import math
from typing import TYPE_CHECKING

import jax
import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.core.paths import by_path
from backprop_jax.plots.paper import BLUE, GREY, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_histograms"]

BINS = 60
COLUMNS = 4


def plot_histograms(arrays: PyTree, title: str = "") -> "Figure":
    """A histogram of each array of a pytree, under its path: parameters, gradients, updates, or activations.

    What is not finite is counted beside it, and so is what is exactly 0 where it is more than a tenth, which then does
    not hide the rest.

    Raises:   ValueError if there are no arrays with numbers; ModuleNotFoundError, naming the extra to install, if
              matplotlib is missing.
    """
    leaves = [
        (path, np.asarray(leaf, np.float64).ravel())
        for path, leaf in by_path(jax.tree.map(np.asarray, arrays)).items()
        if jax.numpy.issubdtype(leaf.dtype, jax.numpy.floating) and leaf.size
    ]
    if not leaves:
        raise ValueError("there is no array of floating point numbers to draw")
    columns = min(len(leaves), COLUMNS)
    rows = math.ceil(len(leaves) / columns)
    with blank(3.6 * columns, 2.4 * rows + 0.3) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(leaves) :]:
            axes.set_axis_off()
        for axes, (path, values) in zip(grid.flat, leaves, strict=False):
            finite = values[np.isfinite(values)]
            notes = [f"{len(values) - len(finite):,} not finite"] if len(finite) < len(values) else []
            zeros = np.mean(finite == 0) if len(finite) else 0.0
            if 0.1 < zeros < 1:
                notes.append(f"{zeros:.0%} are 0")
                finite = finite[finite != 0]
            if len(finite):
                axes.hist(finite, min(BINS, max(len(finite) // 4, 8)), color=BLUE)
                notes.append(f"rms {np.sqrt(np.mean(np.square(finite))):.2g}")
            axes.set_title(path, loc="left", fontsize=10)
            axes.set_title(", ".join(notes), loc="right", fontsize=8, color=GREY)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.tick_params(labelsize=8)
        figure.suptitle(title, x=0.01, ha="left")
    return figure
