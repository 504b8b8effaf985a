"""Apply a rule to every leaf of the updates, together with the leaves of state or parameters that belong to it.

A rule is plain arithmetic, `rule(update, *leaves beside it, scalars)`. Here is what it need not think about: trees,
`None` leaves and dtypes. It sees half-precision leaves as float32, and what it returns is cast back, so updates keep
the gradient's dtype and state keeps its own. Rules are module-level functions, not closures: JAX then traces a rule
once per shape and dtype, however many leaves there are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

PyTree = Any


def map_updates(rule: Callable[..., jax.Array], scalars: PyTree, updates: PyTree, **beside: PyTree) -> PyTree:
    """Return the updates that the rule makes; where an update is None it stays None."""
    structure, rows = _align(updates, beside)
    return structure.unflatten([None if row[0] is None else _apply(rule, row, scalars) for row in rows])


def map_all(
    rule: Callable[..., tuple[jax.Array, ...]], scalars: PyTree, updates: PyTree, **beside: PyTree
) -> tuple[PyTree, ...]:
    """As `map_updates`, for a rule that returns new values of the leaves beside the update as well.

    Where the update is None, the leaves beside it stay as they are.
    """
    structure, rows = _align(updates, beside)
    new_rows = [row if row[0] is None else _apply(rule, row, scalars) for row in rows]
    columns = zip(*new_rows, strict=True) if rows else [()] * (1 + len(beside))
    return tuple(structure.unflatten(column) for column in columns)


def zeros_like(params: PyTree, dtype: str | None = None) -> PyTree:
    """Zeros of the shapes (and shardings) of `params`, never weakly typed: a weak state recompiles the second step."""

    def zeros(param: jax.typing.ArrayLike) -> jax.Array:
        own = jnp.result_type(param)
        wanted = own if dtype is None else jax.dtypes.canonicalize_dtype(dtype)
        if jnp.issubdtype(own, jnp.complexfloating) and not jnp.issubdtype(wanted, jnp.complexfloating):
            raise ValueError(
                f"a {wanted} accumulator would drop the imaginary part of a {own} parameter: "
                "leave the accumulator's dtype at None, or give a complex one"
            )
        return lax.full_like(param, 0, dtype=wanted)

    return jax.tree.map(zeros, params)


def widen(leaf: jax.typing.ArrayLike) -> jax.Array:
    """`leaf` in a dtype of at least float32."""
    dtype = jnp.result_type(leaf)
    is_narrow = jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4
    return lax.convert_element_type(leaf, jnp.float32 if is_narrow else dtype)


def abs_squared(x: jax.Array) -> jax.Array:
    """|x|^2, real also for complex x."""
    return lax.square(lax.real(x)) + lax.square(lax.imag(x)) if jnp.iscomplexobj(x) else lax.square(x)


@partial(jax.jit, static_argnums=0, inline=True)
def _apply(rule: Callable[..., Any], row: tuple[Any, ...], scalars: PyTree) -> Any:
    new = rule(*map(widen, row), scalars)
    return tuple(map(_cast_like, new, row)) if isinstance(new, tuple) else _cast_like(new, row[0])


def _cast_like(value: jax.Array, leaf: jax.Array) -> jax.Array:
    return lax.convert_element_type(value, leaf.dtype)


def _is_none(node: Any) -> bool:
    return node is None


def _align(updates: PyTree, beside: dict[str, PyTree]) -> tuple[Any, list[tuple[Any, ...]]]:
    """The structure of `updates` and a row (update, *what stands there in the other trees) for each of its leaves."""
    leaves, structure = jax.tree.flatten(updates, is_leaf=_is_none)
    columns = []
    for name, tree in beside.items():
        try:
            column = structure.flatten_up_to(tree)
        except ValueError:
            raise ValueError(_describe_mismatch(updates, name, tree)) from None
        fits = (
            leaf is None or (jax.tree_util.all_leaves([other]) and np.shape(other) == np.shape(leaf))
            for leaf, other in zip(leaves, column, strict=True)
        )
        if not all(fits):
            raise ValueError(_describe_mismatch(updates, name, tree))
        columns.append(column)
    return structure, list(zip(leaves, *columns, strict=True))


def _describe_mismatch(updates: PyTree, name: str, tree: PyTree) -> str:
    """Say where the trees part: at the first leaf that only one of them has, or that has another shape."""
    here, there = (dict(jax.tree_util.tree_leaves_with_path(t, is_leaf=_is_none)) for t in (updates, tree))
    without_update = [path for path, leaf in here.items() if leaf is None]
    found = "they differ in the types of their containers"
    for path in [*here, *there]:
        where = jax.tree_util.keystr(path) or "the root"
        if any(path[: len(prefix)] == prefix for prefix in without_update):
            continue
        if here.get(path) is None:
            found = f"{name} has an entry at {where}, updates has none"
        elif there.get(path) is None:
            found = f"updates has an entry at {where}, {name} has none"
        elif np.shape(here[path]) != np.shape(there[path]):
            found = f"at {where} updates has shape {np.shape(here[path])}, {name} has {np.shape(there[path])}"
        else:
            continue
        break
    return f"updates and {name} do not match: {found}; pass the gradient of the parameters that init was given"
