"""Sharpness-aware minimization: the gradient at the worst point nearby."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.applying import apply_updates, global_norm
from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import require_count
from backprop_jax.optim.leafwise import PyTree, map_updates
from backprop_jax.optim.step_count import first_count
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan, Transform, elementwise_if
from backprop_jax.optim.wrappers.state_types import copy_of, keep_types, where

NormalizeState = EmptyState


@dataclass(frozen=True)
class normalize(Leafwise):
    """Give the updates, taken as one vector, the length 1: u = g / global_norm(g), and 0 for zero. State: none."""

    reads_all_updates = True

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        norm = global_norm(updates)
        return Plan(_divide, jnp.where(norm == 0, 1.0, norm), state)


class SAMState(NamedTuple):
    """Adversarial steps since the last step, the states of both optimizers, and the parameters to return to."""

    steps_since_sync: jax.Array
    opt_state: PyTree
    adv_state: PyTree
    cache: PyTree


@dataclass(frozen=True)
class sam(Transform):
    """Climb by sync_period - 1 steps of one optimizer, and step down from where it began by the gradient found there.

        q = p,   q <- q - adv(gradient at q) (sync_period - 1 times),   p <- p + u(gradient at q)

    That of the paper is `sam(sgd(0.01), chain(normalize(), sgd(rho)))`. Every update is one of these steps, so that the
    parameters move to q and back. With `opaque_mode` an update is all of them: it must be given `grad_fn`, where
    grad_fn(params, i) is the gradient for the i-th of them, which is averaged over the devices of `batch_axis_name`.
    With `reset_state` the state of `adv_optimizer` starts anew each time.

    State:  `SAMState(steps_since_sync, opt_state, adv_state, cache)`: int32; cache like the parameters, None with
            opaque_mode. Unlike other transforms, init reads the values of the parameters.
    Raises: TypeError if an optimizer is no transform; ValueError if sync_period is no whole number above 0; at update
            if `params` is missing or, with opaque_mode, `grad_fn`.
    Source: Foret et al., 2021, arXiv:2010.01412, algorithm 1.
    """

    # Not with `grad_fn`, which may look at the parameters as a tree.
    elementwise = elementwise_if(
        lambda self: not self.opaque_mode and is_elementwise(self.optimizer) and is_elementwise(self.adv_optimizer)
    )

    optimizer: Any
    adv_optimizer: Any
    sync_period: int = 2
    reset_state: bool = True
    opaque_mode: bool = False
    batch_axis_name: str | None = None

    def __post_init__(self) -> None:
        require_transform(self.optimizer, "sam: optimizer")
        require_transform(self.adv_optimizer, "sam: adv_optimizer")
        require_count(self, "sync_period", "2 is usual: one step up for each step down")

    def init(self, params: PyTree) -> SAMState:
        return SAMState(
            steps_since_sync=first_count(),
            opt_state=self.optimizer.init(params),
            adv_state=self.adv_optimizer.init(params),
            cache=None if self.opaque_mode else copy_of(params),
        )

    def update(
        self, updates: PyTree, state: SAMState, params: PyTree = None, *, grad_fn: Any = None, **extra: Any
    ) -> tuple[PyTree, SAMState]:
        require_params(self, params)
        if not self.opaque_mode:
            return self._one_step(updates, state, params, extra)
        if grad_fn is None:
            raise ValueError("sam: with opaque_mode update needs the gradient function; call update(..., grad_fn=...)")
        climbing, adv_state = params, state.adv_state
        for i in range(self.sync_period - 1):
            up, adv_state = self._step_up(updates, adv_state, climbing, extra)
            climbing = apply_updates(climbing, up)
            updates = grad_fn(climbing, i)
            if self.batch_axis_name is not None:
                updates = lax.pmean(updates, self.batch_axis_name)
        if self.reset_state:
            adv_state = self.adv_optimizer.init(params)
        updates, opt_state = update_with_extra(self.optimizer, updates, state.opt_state, params, extra)
        return updates, state._replace(opt_state=opt_state, adv_state=adv_state)

    def _one_step(
        self, updates: PyTree, state: SAMState, params: PyTree, extra: dict[str, Any]
    ) -> tuple[PyTree, SAMState]:
        cache = where(state.steps_since_sync == 0, params, state.cache)

        def up() -> tuple[PyTree, PyTree, PyTree]:
            up, adv_state = self._step_up(updates, state.adv_state, params, extra)
            return keep_types((up, state.opt_state, adv_state), (updates, state.opt_state, state.adv_state))

        def down() -> tuple[PyTree, PyTree, PyTree]:
            down, opt_state = update_with_extra(self.optimizer, updates, state.opt_state, cache, extra)
            down = map_updates(_return_and_step, None, down, params=params, cache=cache)
            adv_state = self.adv_optimizer.init(params) if self.reset_state else state.adv_state
            return keep_types((down, opt_state, adv_state), (updates, state.opt_state, state.adv_state))

        is_last = state.steps_since_sync == self.sync_period - 1
        updates, opt_state, adv_state = lax.cond(is_last, down, up)
        steps = keep_types((state.steps_since_sync + 1) % self.sync_period, state.steps_since_sync)
        return updates, state._replace(steps_since_sync=steps, opt_state=opt_state, adv_state=adv_state, cache=cache)

    def _step_up(self, updates: PyTree, state: PyTree, params: PyTree, extra: dict[str, Any]) -> tuple[PyTree, PyTree]:
        down, state = update_with_extra(self.adv_optimizer, updates, state, params, extra)
        return map_updates(_negate, None, down), state


def _divide(update: jax.Array, divisor: jax.Array) -> jax.Array:
    return update / divisor


def _negate(update: jax.Array, _: None) -> jax.Array:
    return -update


def _return_and_step(update: jax.Array, param: jax.Array, cache: jax.Array, _: None) -> jax.Array:
    return (cache - param) + update
