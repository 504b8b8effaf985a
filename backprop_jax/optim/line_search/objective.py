"""The function that is minimized, as a line search learns of it through the extra arguments of update."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.applying import apply_updates
from backprop_jax.optim.arguments import require_extra, require_params
from backprop_jax.optim.combining import accepted_by
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree, map_updates, multiply


class Objective(NamedTuple):
    """A function of the parameters, and its value and gradient at the present ones."""

    value: jax.typing.ArrayLike
    grad: PyTree
    function: Callable[[PyTree], jax.Array]


def read_objective(owner: object, params: PyTree, extra: dict[str, Any]) -> Objective:
    """The objective from `value`, `grad` and `value_fn` in `extra`, whose other entries are arguments of `value_fn`.

    Raises: ValueError if params is missing; TypeError if one of the three is, or if value_fn does not take the others.
    """
    require_params(owner, params)
    value, grad, value_fn = require_extra(owner, extra, "value", "grad", "value_fn")
    arguments = {name: entry for name, entry in extra.items() if name not in ("value", "grad", "value_fn")}
    accepted = accepted_by(value_fn, arguments)
    if len(accepted) < len(arguments):
        raise TypeError(
            f"{type(owner).__name__}: Unexpected keyword arguments {sorted(arguments.keys() - accepted.keys())}, which "
            "value_fn does not take; leave them out of update, or let value_fn take them"
        )
    return Objective(value, grad, partial(value_fn, **accepted))


def scaled(updates: PyTree, stepsize: Scalar) -> PyTree:
    """stepsize u."""
    return map_updates(multiply, stepsize, updates)


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
