"""Keep parameters within bounds, and updates free of NaN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan

NonNegativeParamsState = EmptyState


class ZeroNansState(NamedTuple):
    """For each leaf whether its last update had a NaN."""

    found_nan: PyTree


@dataclass(frozen=True)
class keep_params_nonnegative(Leafwise):
    """Let no step go below zero: u = -p where p + g < 0, otherwise g.

    Put it last in a chain. Negative parameters go to zero. If the updates have a smaller dtype than the parameters,
    -p is rounded, and parameters may come out below zero by that much.

    State:  none.
    Raises: ValueError at update if `params` is missing, or differs from updates in structure or shape.
    """

    reads_params = True

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_stop_at_zero, None, state)


def _stop_at_zero(update: jax.Array, param: jax.Array, _: None) -> jax.Array:
    return jnp.where(param + update < 0, -param, update)


@dataclass(frozen=True)
class zero_nans(Leafwise):
    """Put zeros in place of NaN, and note in the state which leaves had some; infinities stay.

    State:  `ZeroNansState(found_nan)`, a bool for every parameter.
    Raises: ValueError at update if updates and state differ in structure.
    """

    elementwise = False
    renews = ("found_nan",)
    renews_any_shape = True

    def init(self, params: PyTree) -> ZeroNansState:
        return ZeroNansState(found_nan=jax.tree.map(lambda _: jnp.zeros((), bool), params))

    def plan(self, updates: PyTree, state: ZeroNansState, params: PyTree, **extra: Any) -> Plan:
        return Plan(_zero_nans, None, state)


def _zero_nans(update: jax.Array, found_nan: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
    is_nan = jnp.isnan(update)
    return jnp.where(is_nan, 0, update), jnp.any(is_nan)
