"""Normalize updates: to one length, or to zero mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.optim.applying import global_norm
from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, multiply
from backprop_jax.optim.transform import Leafwise, Plan


@dataclass(frozen=True)
class normalize_by_update_norm(Leafwise):
    """Give the updates, taken as one vector, the length scale_factor: u = scale_factor g / (global_norm(g) + eps).

    State:  none.
    Raises: ValueError if eps is negative.
    """

    elementwise = False
    reads_all_updates = True

    scale_factor: Scalar = 1.0
    eps: Scalar = 1e-6

    def __post_init__(self) -> None:
        require_non_negative(self, "eps", "1e-6 is usual: it keeps the divisor off zero")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(multiply, self.scale_factor / (global_norm(updates) + self.eps), state)


@dataclass(frozen=True)
class centralize(Leafwise):
    """Subtract from an update its mean over all axes but the first; vectors and scalars stay as they are. State: none.

    Source: Yong et al., 2020, arXiv:2004.01461, eq. 1, with the first axis that of the outputs.
    """

    elementwise = False

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_center, None, state)


def _center(update: jax.Array, _: None) -> jax.Array:
    if update.ndim < 2:
        return update
    return update - jnp.mean(update, axis=tuple(range(1, update.ndim)), keepdims=True)
