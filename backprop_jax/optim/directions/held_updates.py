"""Hold updates back, and let their sum through every few steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import require_count
from backprop_jax.optim.leafwise import PyTree, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ApplyEvery(NamedTuple):
    """Steps since updates were last let through, and the sum of the updates of those steps."""

    count: jax.Array
    grad_acc: PyTree


@dataclass(frozen=True)
class apply_every(Leafwise):
    """Hand on zeros for k - 1 steps, and at the k-th the sum of the updates of all k.

    In a chain its neighbours take every step: after Adam it adds up k of Adam's updates, which is not one update from k
    gradients.

    State:  `ApplyEvery(count, grad_acc)`: count int32, below k; grad_acc like the parameters.
    Raises: ValueError if k is not a whole number above 0; at update if updates and state differ in structure or shape.
    """

    renews = ("grad_acc",)

    k: int | jax.Array = 1

    def __post_init__(self) -> None:
        require_count(self, "k", "1 lets every update through")

    def init(self, params: PyTree) -> ApplyEvery:
        return ApplyEvery(count=first_count(), grad_acc=zeros_like(params))

    def plan(self, updates: PyTree, state: ApplyEvery, params: PyTree, **extra: Any) -> Plan:
        position = state.count % self.k
        count = (safe_increment(state.count) % self.k).astype(state.count.dtype)
        return Plan(_rule, _Scalars(position == 0, position == self.k - 1), state._replace(count=count))


class _Scalars(NamedTuple):
    is_first: jax.Array
    is_last: jax.Array


def _rule(update: jax.Array, total: jax.Array, scalars: _Scalars) -> tuple[jax.Array, jax.Array]:
    # Chosen, not multiplied by 0: a NaN is gone with its k steps.
    total = jnp.where(scalars.is_first, update, total + update)
    return jnp.where(scalars.is_last, total, 0.0), total
