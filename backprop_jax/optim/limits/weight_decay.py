"""Weight decay, decoupled from the gradient's own rescaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.hyperparameters import Scalar, hash_of
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.schedules.basic import ScalarOrSchedule, value_at
from backprop_jax.optim.step_count import first_count
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan, elementwise_if
from backprop_jax.optim.wrappers.masking import MaskedState


class WeightDecaySchedule(NamedTuple):
    """Steps taken, where the weight decay is a schedule."""

    count: jax.Array


@dataclass(frozen=True)
class add_decayed_weights(Leafwise):
    """Pull parameters toward zero: u = g + weight_decay p.

    `weight_decay` is a number or a schedule. `mask` says which leaves decay: a tree of bools with the structure of the
    parameters or a prefix of it, or a function from the parameters to such a tree.

    State:  `WeightDecaySchedule(count)` with a schedule, otherwise none; with a mask that, inside `MaskedState`.
    Raises: ValueError at update if `params` is missing, if it differs from updates in structure or shape, or if the
            mask does not fit it.
    Source: Loshchilov & Hutter, 2019, arXiv:1711.05101, algorithm 2, line 12, as optax and PyTorch have it: before the
            learning rate, which thus scales the decay too.
    """

    elementwise = elementwise_if(lambda self: self.mask is None)
    reads_params = True

    weight_decay: ScalarOrSchedule = 0.0
    mask: PyTree | Callable[[PyTree], PyTree] | None = None

    def __hash__(self) -> int:
        return hash_of(self.weight_decay, self.mask)

    def init(self, params: PyTree) -> PyTree:
        state = WeightDecaySchedule(count=first_count()) if callable(self.weight_decay) else EmptyState()
        return state if self.mask is None else MaskedState(inner_state=state)

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        if self.mask is None:
            weight_decay, state = value_at(self.weight_decay, state)
            return Plan(_rule, weight_decay, state)
        weight_decay, inner_state = value_at(self.weight_decay, state.inner_state)
        mask = self.mask(params) if callable(self.mask) else self.mask
        return Plan(_rule, weight_decay, state._replace(inner_state=inner_state), mask)


def _rule(gradient: jax.Array, param: jax.Array, weight_decay: Scalar) -> jax.Array:
    return gradient + weight_decay * param
