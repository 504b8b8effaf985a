"""Transforms without a state: zero, and those that a function of the updates makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.optim.leafwise import PyTree, align
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan, Transform


@dataclass(frozen=True)
class set_to_zero(Leafwise):
    """Replace updates by zeros, which leaves the parameters as they are: freeze them. State: none."""

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_zeros, None, state)


def _zeros(update: jax.Array, _: None) -> jax.Array:
    return jnp.zeros_like(update)


@dataclass(frozen=True)
class stateless(Transform):
    """Make a transform of a function of whole trees: u = f(g, p). It may be used as a decorator.

    `f` gets None for p if update is called without the parameters.

    State:  none.
    Raises: TypeError if f cannot be called.
    """

    f: Callable[[PyTree, PyTree], PyTree]

    def __post_init__(self) -> None:
        _require_function(self, self.f)

    def init(self, params: PyTree) -> EmptyState:
        return EmptyState()

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        return self.f(updates, params), state


@dataclass(frozen=True)
class stateless_with_tree_map(Transform):
    """Make a transform of a function of arrays: u = f(g, p) for every leaf, in the leaf's own dtype.

    `f` gets None for p if update is called without the parameters.

    State:  none.
    Raises: TypeError if f cannot be called; ValueError at update, naming the first differing path, if updates and
            parameters differ in structure.
    """

    f: Callable[[jax.Array, jax.Array | None], jax.Array]

    def __post_init__(self) -> None:
        _require_function(self, self.f)

    def init(self, params: PyTree) -> EmptyState:
        return EmptyState()

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        if params is None:
            return jax.tree.map(lambda update: self.f(update, None), updates), state
        structure, rows = align(updates, [("params", params)], of_any_shape=frozenset({"params"}))
        return structure.unflatten([None if row[0] is None else self.f(*row) for row in rows]), state


def _require_function(owner: object, f: Any) -> None:
    if not callable(f):
        raise TypeError(f"{type(owner).__name__}: f is {f!r}; pass a function of the updates and the parameters")
