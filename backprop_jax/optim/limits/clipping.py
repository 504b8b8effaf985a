"""Clip updates: each number, each leaf by its root mean square, or all by their norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.applying import global_norm
from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, abs_squared, multiply
from backprop_jax.optim.transform import Leafwise, Plan


@dataclass(frozen=True)
class clip(Leafwise):
    """Bring every number of the updates into [-max_delta, max_delta]. State: none.

    Raises: ValueError if max_delta is negative or NaN; at update if an update is complex.
    """

    max_delta: Scalar

    def __post_init__(self) -> None:
        require_non_negative(self, "max_delta", "it is the largest magnitude that a number may keep")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_clip, self.max_delta, state)


def _clip(update: jax.Array, max_delta: Scalar) -> jax.Array:
    if jnp.iscomplexobj(update):
        raise ValueError("clip: complex numbers have no order; clip_by_global_norm and clip_by_block_rms take them")
    return jnp.clip(update, -max_delta, max_delta)


@dataclass(frozen=True)
class clip_by_block_rms(Leafwise):
    """Scale each leaf down to a root mean square of at most threshold.

        u = g / max(1, rms(g) / threshold),   rms(g) = sqrt(mean |g|^2) over the leaf

    State:  none.
    Raises: ValueError if threshold is not above 0.
    Source: Shazeer & Stern, 2018, arXiv:1804.04235, section 6.
    """

    elementwise = False

    threshold: Scalar

    def __post_init__(self) -> None:
        require_positive(self, "threshold", "1.0 is usual; leave the transform out to clip nothing")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_clip_rms, self.threshold, state)


def _clip_rms(update: jax.Array, threshold: Scalar) -> jax.Array:
    rms = lax.sqrt(jnp.mean(abs_squared(update)))
    return update / jnp.maximum(1.0, rms / threshold)


@dataclass(frozen=True)
class clip_by_global_norm(Leafwise):
    """Shorten the updates, taken as one vector, to a length of at most max_norm.

        u = g min(1, max_norm / n),   n = global_norm(g) = sqrt(Σ |g|^2)

    State:  none.
    Raises: ValueError if max_norm is not above 0.
    Source: Pascanu, Mikolov & Bengio, 2013, arXiv:1211.5063, algorithm 1.
    """

    reads_all_updates = True

    max_norm: Scalar

    def __post_init__(self) -> None:
        require_positive(self, "max_norm", "1.0 is usual; leave the transform out to clip nothing")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(multiply, jnp.minimum(1.0, self.max_norm / global_norm(updates)), state)
