"""Apply updates to parameters, and measure them."""

from __future__ import annotations

import jax
from jax import lax

from backprop_jax.optim.leafwise import PyTree, abs_squared, map_all, widen


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """Return `params + updates`, in the dtypes of `params`; where the update is None the parameter stays as it is.

    Raises: ValueError, naming the first differing path, if the trees differ in structure or shape.
    """
    _, new_params = map_all(_add, None, updates, params=params)
    return new_params


def _add(update: jax.Array, param: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
    return update, param + update


def global_norm(tree: PyTree) -> jax.Array:
    """The Euclidean norm of all leaves taken as one vector, sqrt(Σ |x|^2), summed in at least float32."""
    squares = (abs_squared(widen(leaf)) for leaf in jax.tree.leaves(tree))
    return lax.sqrt(sum((lax.reduce_sum(square, tuple(range(square.ndim))) for square in squares), 0.0))
