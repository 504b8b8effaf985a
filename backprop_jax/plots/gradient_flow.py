"""How large the gradient of each layer is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from backprop_jax.plots.paper import BLUE, ORANGE, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_gradient_flow"]


def plot_gradient_flow(norms: Mapping[str, float], title: str = "Gradient norm of each layer") -> "Figure":
    """A bar a layer, from the first to the last, on a scale of factors: a slope is what vanishes or explodes.

    `norms` is what `train.gradient_norms` gives, or a row of the history. A norm of 0 has no bar, and one that is not
    finite stands at the top in another colour; both are written out.

    Raises:   ValueError if there are no layers; ModuleNotFoundError, naming the extra to install, if matplotlib is
              missing.
    """
    if not norms:
        raise ValueError("there is no layer with a gradient to draw")
    values = np.array([float(norm) for norm in norms.values()])
    shown = values[np.isfinite(values) & (values > 0)]
    low, high = (shown.min(), shown.max()) if len(shown) else (1.0, 1.0)
    floor, top = low / 3, high * 3
    with blank(max(4.0, 0.32 * len(norms) + 2), 4.5) as figure:
        axes = figure.subplots()
        heights = np.where(np.isfinite(values), np.maximum(values, floor), top)
        axes.bar(range(len(values)), heights, color=[BLUE if np.isfinite(value) else ORANGE for value in values])
        axes.set(yscale="log", ylim=(floor, top * 1.2), ylabel="norm")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}" if top < 100 * floor else "")
        for place, value in enumerate(values):
            if value == 0 or not np.isfinite(value):
                axes.text(place, floor * 1.1, f"{value:g}", ha="center", va="bottom", rotation=90, fontsize=9)
        axes.set_xticks(range(len(values)), list(norms), rotation=90, fontsize=8)
        axes.set_xlabel("layer, from the input to the output")
        axes.set_title(title, loc="left")
    return figure
