"""Keep the types of a state: what is compiled for one step then serves all."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.leafwise import PyTree, widen


def strong(tree: PyTree) -> PyTree:
    """The same values as arrays, none of them weakly typed."""
    return keep_types(tree, tree)


def keep_types(new: PyTree, old: PyTree) -> PyTree:
    """`new` in the dtypes of `old`, and in its containers: optax's own state stays one.

    Raises ValueError if they differ in the number of leaves.
    """
    new_leaves, (old_leaves, structure) = jax.tree.leaves(new), jax.tree.flatten(old)
    if len(new_leaves) != len(old_leaves):
        raise ValueError(f"a state changed its structure, from {structure} to {jax.tree.structure(new)}")
    return structure.unflatten(map(_keep_type, new_leaves, old_leaves))


def _keep_type(new: Any, old: Any) -> Any:
    dtype = jnp.result_type(old)
    # The keys of random numbers have one type only, and cannot be converted.
    return new if jnp.issubdtype(dtype, jax.dtypes.extended) else lax.convert_element_type(new, dtype)


def where(condition: Any, then: PyTree, otherwise: PyTree) -> PyTree:
    """One of two trees of the same structure, in the dtypes of `otherwise`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), keep_types(then, otherwise), otherwise)


def evaluate(function: Callable[[PyTree], PyTree], tree: PyTree) -> PyTree:
    """`function(tree)`, or zeros of its shapes where the leaves of the tree are nothing but shapes."""
    if any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(tree)):
        return jax.tree.map(lambda shape: lax.full_like(shape, 0), jax.eval_shape(function, tree))
    return function(tree)


def copy_of(params: PyTree, dtype: str | None = None) -> PyTree:
    """A copy of the parameters, in `dtype` if given. It has buffers of its own, so that both may be donated.

    Raises ValueError if `dtype` is real and a parameter is complex.
    """

    def copy(param: Any) -> jax.Array:
        own = jnp.result_type(param)
        if (
            dtype is not None
            and jnp.issubdtype(own, jnp.complexfloating)
            and not jnp.issubdtype(dtype, jnp.complexfloating)
        ):
            raise ValueError(
                f"a {dtype} copy would drop the imaginary part of a {own} parameter: "
                "leave the dtype at None, or give a complex one"
            )
        return jnp.array(param, own if dtype is None else jax.dtypes.canonicalize_dtype(dtype), copy=True)

    return evaluate(lambda tree: jax.tree.map(copy, tree), params)


def lowest_dtype(params: PyTree) -> Any:
    """The dtype among those of the parameters that promotes to the others, in which optax keeps its scalars."""
    lower = lambda one, other: one if jnp.promote_types(one, other) == other else other
    return reduce(lower, _dtypes(params))


def highest_dtype(params: PyTree) -> Any:
    """The dtype to which those of the parameters promote."""
    return reduce(jnp.promote_types, _dtypes(params))


def _dtypes(params: PyTree) -> list[Any]:
    return [jnp.result_type(leaf) for leaf in jax.tree.leaves(params)] or [jnp.result_type(float)]


def wide_real(value: jax.typing.ArrayLike) -> jax.Array:
    """A number of the state as a real one in at least float32: for complex parameters optax keeps it as complex."""
    value = widen(value)
    return lax.real(value) if jnp.iscomplexobj(value) else value
