"""Apply rules to every leaf of the updates, together with the leaves of state or parameters that belong to it.

A rule is plain arithmetic, `rule(update, *leaves beside it, scalars)`. Here is what it need not think about: trees,
`None` leaves and dtypes. It sees half-precision leaves as float32, and what it returns is cast back, so updates keep
the gradient's dtype and state keeps its own. Rules are module-level functions, not closures: JAX then traces a rule
once per shape and dtype, however many leaves there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

PyTree = Any
Rule = Callable[..., Any]


class RuleUse(NamedTuple):
    """How a rule is called: with how many state leaves, which it returns renewed, and whether with the parameter.

    A rule that is None leaves its state and the update alone.
    """

    rule: Rule | None
    renewed: int
    reads_param: bool = False


def map_updates(rule: Rule, scalars: PyTree, updates: PyTree, **beside: PyTree) -> PyTree:
    """Return the updates that the rule makes; where an update is None it stays None."""
    structure, rows = align(updates, list(beside.items()))
    return structure.unflatten([None if row[0] is None else _apply_one(rule, row, scalars)[0] for row in rows])


def map_all(rule: Rule, scalars: PyTree, updates: PyTree, **beside: PyTree) -> tuple[PyTree, ...]:
    """As `map_updates`, for a rule that returns new values of the leaves beside the update as well.

    Where the update is None, the leaves beside it stay as they are.
    """
    structure, rows = align(updates, list(beside.items()))
    return unzip(structure, [row if row[0] is None else _apply_one(rule, row, scalars) for row in rows], len(beside))


def unzip(structure: Any, rows: list[tuple[Any, ...]], beside: int) -> tuple[PyTree, ...]:
    """Make trees of the columns of `rows`: the updates, and what stood beside them."""
    columns = zip(*rows, strict=True) if rows else [()] * (1 + beside)
    return tuple(structure.unflatten(column) for column in columns)


def full_like(params: PyTree, value: jax.typing.ArrayLike, dtype: str | None = None) -> PyTree:
    """`value` in the shapes (and shardings) of `params`, never weakly typed: a weak state recompiles the next step."""

    def full(param: jax.typing.ArrayLike) -> jax.Array:
        wanted = jnp.result_type(param) if dtype is None else jax.dtypes.canonicalize_dtype(dtype)
        return lax.full_like(param, value, dtype=wanted)

    return jax.tree.map(full, params)


def zeros_like(params: PyTree, dtype: str | None = None) -> PyTree:
    """As `full_like`, with zeros."""
    return full_like(params, 0, dtype)


def require_real(params: PyTree, what: str) -> None:
    """Raise ValueError if a leaf is complex."""
    for path, param in jax.tree_util.tree_leaves_with_path(params):
        if jnp.issubdtype(jnp.result_type(param), jnp.complexfloating):
            raise ValueError(
                f"{what}: the parameter at {jax.tree_util.keystr(path) or 'the root'} is complex, and its rule takes "
                "real ones only: keep the real and the imaginary part as two parameters"
            )


def widen(leaf: jax.typing.ArrayLike) -> jax.Array:
    """`leaf` in a dtype of at least float32."""
    dtype = jnp.result_type(leaf)
    is_narrow = jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4
    return lax.convert_element_type(leaf, jnp.float32 if is_narrow else dtype)


def abs_squared(x: jax.Array) -> jax.Array:
    """|x|^2, real also for complex x."""
    return lax.square(lax.real(x)) + lax.square(lax.imag(x)) if jnp.iscomplexobj(x) else lax.square(x)


def all_finite(tree: PyTree) -> jax.Array:
    """Whether no number of the tree is infinite or NaN, a scalar bool."""
    return jnp.all(jnp.array([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)], bool))


@partial(jax.jit, static_argnums=0)
def apply_rules(uses: tuple[RuleUse, ...], row: tuple[Any, ...], scalars: tuple[PyTree, ...]) -> tuple[Any, ...]:
    """Apply rules one after another to a row: the update, the state leaves of all rules, and perhaps the parameter."""
    update, *state = jax.tree.map(widen, row)
    param = [state.pop()] if any(use.reads_param for use in uses) else []
    renewed: list[Any] = []
    for use, own_scalars in zip(uses, scalars, strict=True):
        own = state[len(renewed) : len(renewed) + use.renewed]
        if use.rule is not None:
            update, *own = _as_tuple(use.rule(update, *own, *(param if use.reads_param else []), own_scalars))
        renewed += own
    return tuple(jax.tree.map(_cast_like, (update, *renewed), row[: 1 + len(renewed)]))


def _apply_one(rule: Rule, row: tuple[Any, ...], scalars: PyTree) -> tuple[Any, ...]:
    return apply_rules((RuleUse(rule, len(row) - 1),), row, (scalars,))


def _as_tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _cast_like(value: jax.Array, leaf: jax.Array) -> jax.Array:
    return lax.convert_element_type(value, leaf.dtype)


def multiply(update: jax.Array, factor: float | jax.Array) -> jax.Array:
    """The rule that most transforms end with."""
    return factor * update


def in_dtypes_of(old: PyTree, new: PyTree) -> PyTree:
    """`new` in the dtypes of `old`, never weakly typed."""
    return jax.tree.map(lambda leaf, value: lax.convert_element_type(value, jnp.result_type(leaf)), old, new)


def is_none(node: Any) -> bool:
    """For `is_leaf`: None stands for an update that is not there."""
    return node is None


def align(
    updates: PyTree, beside: Sequence[tuple[str, PyTree]], of_any_shape: frozenset[str] = frozenset()
) -> tuple[Any, list[tuple[Any, ...]]]:
    """The structure of `updates` and a row (update, *what stands there in the other trees) for each of its leaves.

    What stands beside an update has its shape, but in the trees named in `of_any_shape`, where it may be any tree.
    Raises ValueError, naming the first differing path, if a tree does not fit.
    """
    leaves, structure = jax.tree.flatten(updates, is_leaf=is_none)
    columns = []
    for name, tree in beside:
        try:
            column = structure.flatten_up_to(tree)
        except ValueError:
            raise ValueError(_describe_mismatch(updates, name, tree)) from None
        if name not in of_any_shape and not all(map(_has_shape_of, leaves, column)):
            raise ValueError(_describe_mismatch(updates, name, tree))
        columns.append(column)
    return structure, list(zip(leaves, *columns, strict=True))


def _has_shape_of(update: Any, other: Any) -> bool:
    return update is None or (jax.tree_util.all_leaves([other]) and np.shape(other) == np.shape(update))


def _describe_mismatch(updates: PyTree, name: str, tree: PyTree) -> str:
    """Say where the trees part: at the first leaf that only one of them has, or that has another shape."""
    here, there = (dict(jax.tree_util.tree_leaves_with_path(t, is_leaf=is_none)) for t in (updates, tree))
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
