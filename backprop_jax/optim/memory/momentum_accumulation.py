"""Accumulate the gradients of micro-batches in the momentum, which is there anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.momentum import trace
from backprop_jax.optim.hyperparameters import require_count
from backprop_jax.optim.inspection.changing import takes_hyperparams
from backprop_jax.optim.leafwise import PyTree, map_all
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.skipping import update_if


class AccumulateState(NamedTuple):
    """Micro-batches since the last step, and the state of the optimizer."""

    mini_step: jax.Array
    inner_state: PyTree


@dataclass(frozen=True)
class accumulate_in_momentum(Transform):
    """Take one step of an optimizer every `every_k` micro-batches, on the mean of their gradients, without a buffer.

        t <- decay t + g_1/k,   t <- t + g_i/k  (i = 2..k):  together decay t + mean(g), the momentum after the step

    `MultiSteps` needs a second buffer for the sum of gradients; here the momentum itself takes it up. That is possible
    where the step needs nothing but the new momentum: for a chain that begins with a `trace` without nesterov, such as
    sgd(1e-2, momentum=0.9) or signum(1e-3). Between steps the updates are zero.

    State:  `AccumulateState(mini_step, inner_state)`.
    Raises: ValueError at construction for another optimizer, or if every_k is no whole number above 0.
    """

    elementwise = elementwise_if(lambda self: self.optimizer.elementwise)

    optimizer: chain
    every_k: int

    def __post_init__(self) -> None:
        require_count(self, "every_k", "it is the number of micro-batches to a step")
        members = getattr(self.optimizer, "transforms", ())
        if not members or not isinstance(members[0], trace) or members[0].nesterov:
            raise ValueError(
                f"accumulate_in_momentum: {self.optimizer!r} does not begin with trace(..., nesterov=False), so its "
                "step needs the mean gradient itself; use MultiSteps, which keeps it in a buffer"
            )

    def init(self, params: PyTree) -> AccumulateState:
        return AccumulateState(jnp.zeros((), jnp.int32), self.optimizer.init(params))

    def update(
        self, updates: PyTree, state: AccumulateState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, AccumulateState]:
        updates, inner_state = _micro_step(
            self.optimizer,
            updates,
            state.inner_state,
            params,
            number=state.mini_step,
            every_k=self.every_k,
            extra=extra,
        )
        return updates, state._replace(mini_step=(state.mini_step + 1) % self.every_k, inner_state=inner_state)


# Both may be given a state that `with_hyperparams` made of a part of the whole.
@takes_hyperparams
def _micro_step(
    optimizer: chain, updates: PyTree, state: PyTree, params: PyTree, *, number: jax.Array, every_k: int, extra: Any
) -> tuple[PyTree, PyTree]:
    (momentum, *rest), (momentum_state, *rest_state) = optimizer.transforms, state
    totals, momentum_state = _accumulate(momentum, updates, momentum_state, is_first=number == 0, share=1 / every_k)
    is_step = number == every_k - 1
    updates, new_rest = update_if(is_step, chain(*rest), totals, tuple(rest_state), params, extra)
    return updates, (momentum_state, *new_rest)


@takes_hyperparams
def _accumulate(
    momentum: trace, updates: PyTree, state: Any, params: PyTree, *, is_first: jax.Array, share: float
) -> tuple[PyTree, PyTree]:
    decay = jnp.where(is_first, momentum.decay, 1.0)
    totals, renewed = map_all(_add, (decay, share), updates, trace=state.trace)
    return totals, state._replace(trace=renewed)


def _add(gradient: jax.Array, total: jax.Array, scalars: tuple[jax.Array, float]) -> tuple[jax.Array, jax.Array]:
    decay, share = scalars
    total = decay * total + share * gradient
    return total, total
