"""The loss around the parameters that training found."""

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.combinators.scan import Scan
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.paths import path_name
from backprop_jax.core.rewrite import eval_mode, rewrite_with_path
from backprop_jax.core.whole_number import whole_number
from backprop_jax.plots.paper import blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Landscape", "loss_landscape", "plot_landscape"]


class Landscape(NamedTuple):
    """The loss on a square, with the parameters in its middle."""

    places: np.ndarray  # (K,), along either direction
    losses: np.ndarray  # (K, K): by the place along the second direction, and along the first


def loss_landscape(
    objective: Layer,
    params: PyTree,
    state: PyTree,
    batch: PyTree,
    *,
    seed: int = 0,
    extent: float = 1.0,
    points: int = 21,
) -> Landscape:
    """The loss of a batch, in eval mode, at params + a u + b v for a and b from -extent to extent.

    u and v are random, and each filter of them as long as that of the parameters: what a unit reads, all of a kernel
    but its last axis, in a `scan` that of each layer. So a landscape does not depend on the scale of the weights, which
    norms and ReLUs make free. What has fewer than two axes, such as biases and the scales of norms, stays.

    Raises:   ValueError if extent is not above 0 or points not an odd number of 3 or more.
    Source:   Li et al., 2018, arXiv:1712.09913, section 4.
    """
    if not 0 < extent < np.inf or whole_number(points, least=3) is None or points % 2 == 0:
        raise ValueError(f"a landscape needs extent above 0 and an odd number of points, not {extent!r} and {points!r}")
    places = np.linspace(-extent, extent, points)
    places[points // 2] = 0  # exactly the parameters
    along = jnp.asarray(places, jnp.float32)
    return Landscape(
        places, np.asarray(_losses(eval_mode(objective), params, state, batch, jax.random.key(seed), along))
    )


@partial(jax.jit, static_argnums=0)
def _losses(
    objective: Layer, params: PyTree, state: PyTree, batch: PyTree, key: jax.Array, places: jax.Array
) -> jax.Array:
    first, second = (_direction(objective, key, params) for key in jax.random.split(key))

    def at(a: jax.Array, b: jax.Array) -> jax.Array:
        moved = jax.tree.map(lambda p, u, v: (p + a * u + b * v).astype(p.dtype), params, first, second)
        return objective.forward(moved, state, batch)[0]

    return lax.map(lambda b: lax.map(lambda a: at(a, b), places), places)


def _direction(objective: Layer, key: jax.Array, params: PyTree) -> PyTree:
    scans = _paths_of_scans(objective)
    leaves, structure = jax.tree.flatten_with_path(params)
    keys = jax.random.split(key, max(len(leaves), 1))
    moved = []
    for key, (path, leaf) in zip(keys, leaves, strict=False):
        name = path_name(path)
        moved.append(_filters_as_long(key, leaf, sum(f"/{name}".startswith(f"{scan}/") for scan in scans)))
    return structure.unflatten(moved)


def _paths_of_scans(objective: Layer) -> list[str]:
    found: list[str] = []

    def look(path: str, layer: Layer) -> Layer:
        if isinstance(layer, Scan):
            found.append(f"/{path}" if path else "")
        return layer

    rewrite_with_path(objective, look)
    return found


def _filters_as_long(key: jax.Array, leaf: jax.Array, stacked: int) -> jax.Array:
    """`stacked` is the number of axes of layers in front."""
    wide = leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32))
    if leaf.ndim - stacked < 2:
        return jnp.zeros_like(wide)
    drawn = jax.random.normal(key, leaf.shape, wide.dtype)
    of_filter = tuple(range(stacked, leaf.ndim - 1))
    length, of_drawn = (jnp.sqrt(jnp.sum(jnp.square(array), of_filter, keepdims=True)) for array in (wide, drawn))
    return drawn * (length / of_drawn)


def plot_landscape(landscape: Landscape, title: str = "Loss around the trained parameters") -> "Figure":
    """Lines of equal loss, from above and as a surface. Losses that are not finite are left out.

    Raises:   ValueError if no loss is finite; ModuleNotFoundError, naming the extra to install, if matplotlib is
              missing.
    """
    places, losses = landscape
    if not np.isfinite(losses).any():
        raise ValueError("no loss of the landscape is finite")
    finite = np.where(np.isfinite(losses), losses, np.nan)
    # By factors where the rim is far above the middle, which would be flat otherwise.
    lowest, highest = np.nanmin(finite), np.nanmax(finite)
    by_factors = lowest > 0 and highest > 20 * lowest
    levels: Any = np.geomspace(lowest, highest, 16) if by_factors else np.linspace(lowest, highest, 16)
    with blank(11, 5) as figure:
        from matplotlib.colors import LogNorm, Normalize

        norm = (LogNorm if by_factors else Normalize)(lowest, highest)
        above, surface = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="3d")
        lines = above.contour(
            places, places, finite, levels=np.unique(levels), cmap="viridis", norm=norm, linewidths=1.2
        )
        above.clabel(lines, fmt="%.3g", fontsize=8)
        above.plot(0, 0, "k+", markersize=10)
        above.set(xlabel="first direction", ylabel="second direction", aspect="equal")
        across, along = np.meshgrid(places, places)
        heights = np.log10(finite) if by_factors else finite
        surface.plot_surface(across, along, heights, cmap="viridis", linewidth=0.2, edgecolor="white")
        label = "log10 of the loss" if by_factors else "loss"
        surface.set(xlabel="first direction", ylabel="second direction", zlabel=label)
        surface.locator_params(nbins=4)
        figure.suptitle(title, x=0.01, ha="left")
    return figure
