"""Lookahead: a second, slower set of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.combining import require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import Scalar, require_count
from backprop_jax.optim.leafwise import PyTree, map_updates
from backprop_jax.optim.step_count import first_count
from backprop_jax.optim.transform import Transform
from backprop_jax.optim.wrappers.state_types import keep_types, where


class LookaheadState(NamedTuple):
    """The fast optimizer's state, and its steps since the two sets of parameters were equal."""

    fast_state: PyTree
    steps_since_sync: jax.Array


class LookaheadParams(NamedTuple):
    """Two sets of parameters: gradients are taken at the fast ones, and the slow ones are for use."""

    fast: PyTree
    slow: PyTree

    @classmethod
    def init_synced(cls, params: PyTree) -> LookaheadParams:
        """Start both at `params`."""
        return cls(fast=params, slow=params)


@dataclass(frozen=True)
class lookahead(Transform):
    """Let an optimizer run ahead, and every sync_period steps draw slow parameters toward where it came, and it back.

        fast <- fast + u;   at every sync_period-th step also  slow <- slow + slow_step_size (fast - slow), fast <- slow

    Parameters and updates are `LookaheadParams`; gradients are those at `params.fast`. With `reset_state` the
    optimizer's state starts anew whenever the two meet. At init, `params` may be the fast parameters alone.

    State:  `LookaheadState(fast_state, steps_since_sync)`: int32.
    Raises: TypeError if `fast_optimizer` is no transform; ValueError if sync_period is not above 0, or at update if
            `params` is no `LookaheadParams`.
    Source: Zhang et al., 2019, arXiv:1907.08610, algorithm 1.
    """

    fast_optimizer: Any
    sync_period: int
    slow_step_size: Scalar
    reset_state: bool = False

    def __post_init__(self) -> None:
        require_transform(self.fast_optimizer, "lookahead: fast_optimizer")
        require_count(self, "sync_period", "it is the number of fast steps between two slow ones")

    def init(self, params: PyTree) -> LookaheadState:
        return LookaheadState(self.fast_optimizer.init(getattr(params, "fast", params)), first_count())

    def update(
        self, updates: PyTree, state: LookaheadState, params: PyTree = None, **extra: Any
    ) -> tuple[LookaheadParams, LookaheadState]:
        if not (hasattr(params, "fast") and hasattr(params, "slow")):
            raise ValueError(
                f"lookahead: update needs both sets of parameters, got a {type(params).__name__}; "
                "start with params = LookaheadParams.init_synced(params)"
            )
        updates, fast_state = update_with_extra(self.fast_optimizer, updates, state.fast_state, params.fast, extra)
        syncs = state.steps_since_sync == self.sync_period - 1
        both = {"fast": params.fast, "slow": params.slow}
        pair = LookaheadParams(
            fast=map_updates(_fast_rule, (syncs, 1 - self.slow_step_size), updates, **both),
            slow=map_updates(_slow_rule, (syncs, self.slow_step_size), updates, **both),
        )
        if self.reset_state:
            fast_state = where(syncs, self.fast_optimizer.init(params.fast), keep_types(fast_state, state.fast_state))
        steps = keep_types((state.steps_since_sync + 1) % self.sync_period, state.steps_since_sync)
        return pair, state._replace(fast_state=fast_state, steps_since_sync=steps)


def _fast_rule(update: jax.Array, fast: jax.Array, slow: jax.Array, scalars: tuple[jax.Array, Scalar]) -> jax.Array:
    syncs, share_back = scalars
    return jnp.where(syncs, update - share_back * (fast + update - slow), update)


def _slow_rule(update: jax.Array, fast: jax.Array, slow: jax.Array, scalars: tuple[jax.Array, Scalar]) -> jax.Array:
    syncs, step_size = scalars
    return jnp.where(syncs, step_size * (fast + update - slow), 0)
