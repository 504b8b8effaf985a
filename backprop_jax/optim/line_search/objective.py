"""The function that is minimized, as a line search learns of it through the extra arguments of update."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.applying import apply_updates
from backprop_jax.optim.combining import accepted_by
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree, map_updates


class Objective(NamedTuple):
    """A function of the parameters, and its value and gradient at the present ones."""

    value: jax.typing.ArrayLike
    grad: PyTree
    function: Callable[[PyTree], jax.Array]


def read_objective(owner: object, params: PyTree, extra: dict[str, Any]) -> Objective:
    """The objective from `value`, `grad` and `value_fn` in `extra`, whose other entries are arguments of `value_fn`.

    Raises: ValueError if params is missing; TypeError if one of the three is, or if value_fn does not take the others.
    """
    if params is None:
        raise ValueError(f"{type(owner).__name__}: update needs the parameters; call update(updates, state, params)")
    value, grad, value_fn = require_extra(owner, extra, "value", "grad", "value_fn")
    arguments = {name: entry for name, entry in extra.items() if name not in ("value", "grad", "value_fn")}
    accepted = accepted_by(value_fn, arguments)
    if len(accepted) < len(arguments):
        raise TypeError(
            f"{type(owner).__name__}: Unexpected keyword arguments {sorted(arguments.keys() - accepted.keys())}, which "
            "value_fn does not take; leave them out of update, or let value_fn take them"
        )
    return Objective(value, grad, partial(value_fn, **accepted))


def require_extra(owner: object, extra: dict[str, Any], *names: str) -> list[Any]:
    """The entries `names` of `extra`. Raises TypeError, with the call to make, if one is missing."""
    missing = [name for name in names if extra.get(name) is None]
    if missing:
        arguments = ", ".join(f"{name}={name}" for name in names)
        raise TypeError(
            f"{type(owner).__name__}: update needs {' and '.join(missing)}; "
            f"call update(updates, state, params, {arguments})"
        )
    return [extra[name] for name in names]


def scaled(updates: PyTree, stepsize: Scalar) -> PyTree:
    """stepsize u."""
    return map_updates(_multiply, stepsize, updates)


def _multiply(update: jax.Array, stepsize: Scalar) -> jax.Array:
    return stepsize * update


def point_on_line(params: PyTree, updates: PyTree, stepsize: Scalar) -> PyTree:
    """p + stepsize u, rounded as it will be when the scaled updates are applied."""
    return apply_updates(params, scaled(updates, stepsize))


def search_dtype(params: PyTree, value: jax.typing.ArrayLike) -> jnp.dtype:
    """The dtype in which a line search calculates: real, at least float32 and as wide as parameters and value."""
    return jnp.finfo(jnp.result_type(jnp.float32, value, *jax.tree.leaves(params))).dtype


def state_dtype(params: PyTree) -> jnp.dtype:
    """The dtype of the numbers in the state of a line search, as in optax: the real one of the first parameter."""
    first, *_ = [*jax.tree.leaves(params), jnp.float32]
    return jnp.finfo(jnp.result_type(first)).dtype


def in_dtypes_of(old: PyTree, new: PyTree) -> PyTree:
    """`new` in the dtypes of `old`, never weakly typed."""
    return jax.tree.map(lambda leaf, value: lax.convert_element_type(value, jnp.result_type(leaf)), old, new)
