"""Apply updates to parameters, average parameters over time, and measure trees."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, concrete
from backprop_jax.optim.leafwise import PyTree, abs_squared, align, is_none, map_all, widen


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """Return `params + updates`, in the dtypes of `params`; where the update is None the parameter stays as it is.

    Where the parameter is None it stays None.

    Raises: ValueError, naming the first differing path, if the trees differ in structure or shape.
    """
    structure, rows = align(updates, [("params", params)], of_any_shape=frozenset({"params"}))
    updates = structure.unflatten([None if param is None else update for update, param in rows])
    _, new_params = map_all(_add, None, updates, params=params)
    return new_params


def _add(update: jax.Array, param: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
    return update, param + update


def incremental_update(new_tensors: PyTree, old_tensors: PyTree, step_size: Scalar) -> PyTree:
    """Return step_size new + (1 - step_size) old: step by step, a decaying average of the parameters.

    It keeps the dtypes of `old_tensors`, but for integers, and is calculated in at least float32. Where the new tensor
    is None, so is the result.

    Raises: ValueError if the trees differ in structure.
    Source: Polyak & Juditsky, 1992; with a fixed step_size, the decaying form of it.
    """

    def average(new: jax.typing.ArrayLike | None, old: jax.typing.ArrayLike) -> jax.Array | None:
        if new is None:
            return None
        mixed = step_size * widen(new) + (1.0 - step_size) * widen(old)
        dtype = jnp.result_type(old)
        return mixed.astype(dtype) if jnp.issubdtype(dtype, jnp.inexact) else mixed

    return jax.tree.map(average, new_tensors, old_tensors, is_leaf=is_none)


def periodic_update(new_tensors: PyTree, old_tensors: PyTree, steps: Scalar, update_period: Scalar) -> PyTree:
    """Return `new_tensors` if steps is a multiple of update_period, otherwise `old_tensors`: a copy that lags behind.

    Raises: ValueError if update_period is not above 0; TypeError if the trees differ in structure, shape or dtype.
    Source: Mnih et al., 2015, the target network.
    """
    period = concrete(update_period)
    if period is not None and not period > 0:
        raise ValueError(f"periodic_update: update_period must be above 0, got {update_period!r}; it is in steps")
    return lax.cond(jnp.mod(steps, update_period) == 0, lambda: new_tensors, lambda: old_tensors)


def global_norm(tree: PyTree) -> jax.Array:
    """The Euclidean norm of all leaves taken as one vector, sqrt(Σ |x|^2), summed in at least float32."""
    squares = (abs_squared(widen(leaf)) for leaf in jax.tree.leaves(tree))
    return lax.sqrt(sum((lax.reduce_sum(square, tuple(range(square.ndim))) for square in squares), 0.0))
