"""Clip updates by their norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.optim.applying import global_norm
from backprop_jax.optim.hyperparameters import Scalar, require_positive
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import Leafwise, Plan


@dataclass(frozen=True)
class clip_by_global_norm(Leafwise):
    """Shorten the updates, taken as one vector, to a length of at most max_norm.

        u = g min(1, max_norm / n),   n = global_norm(g) = sqrt(Σ |g|^2)

    State:  none.
    Raises: ValueError if max_norm is not above 0.
    Source: Pascanu, Mikolov & Bengio, 2013, arXiv:1211.5063, algorithm 1.
    """

    elementwise = False
    reads_all_updates = True

    max_norm: Scalar

    def __post_init__(self) -> None:
        require_positive(self, "max_norm", "1.0 is usual; leave the transform out to clip nothing")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_shorten, jnp.minimum(1.0, self.max_norm / global_norm(updates)), state)


def _shorten(update: jax.Array, factor: jax.Array) -> jax.Array:
    return factor * update
