"""Multiply updates by a step size: a number, a schedule, or a learning rate."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, map_updates
from backprop_jax.optim.schedules import ScalarOrSchedule, Schedule
from backprop_jax.optim.step_count import first_count, next_count
from backprop_jax.optim.transform import EmptyState, Transform


class ScaleByScheduleState(NamedTuple):
    """Steps taken."""

    count: jax.Array


@dataclass(frozen=True)
class scale(Transform):
    """Multiply updates by a number: u = step_size g. State: none."""

    step_size: Scalar

    def init(self, params: PyTree) -> EmptyState:
        return EmptyState()

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        return map_updates(_multiply, self.step_size, updates), state


@dataclass(frozen=True)
class scale_by_schedule(Transform):
    """Multiply updates by a function of the step: u = step_size_fn(t) g, with t = 0 at the first step.

    State:  `ScaleByScheduleState(count)`, int32.
    """

    step_size_fn: Schedule

    def init(self, params: PyTree) -> ScaleByScheduleState:
        return ScaleByScheduleState(count=first_count())

    def update(
        self, updates: PyTree, state: ScaleByScheduleState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ScaleByScheduleState]:
        step_size = self.step_size_fn(state.count)
        new_state = state._replace(count=next_count(state.count))
        return map_updates(_multiply, step_size, updates), new_state


@dataclass(frozen=True)
class scale_by_learning_rate(Transform):
    """Step downhill: u = -learning_rate g, or with flip_sign=False u = learning_rate g.

    `learning_rate` is a number, which may be traced, or a schedule, or None, which leaves the updates as they are.

    State:  `ScaleByScheduleState(count)` with a schedule, otherwise none.
    Raises: ValueError if a learning rate that is a number is negative or NaN.
    """

    learning_rate: ScalarOrSchedule | None = None
    _: KW_ONLY
    flip_sign: bool = True

    def __post_init__(self) -> None:
        if self.learning_rate is not None and not callable(self.learning_rate):
            require_non_negative(self, "learning_rate", "the step goes downhill by itself (flip_sign=False: uphill)")

    def init(self, params: PyTree) -> EmptyState | ScaleByScheduleState:
        return ScaleByScheduleState(count=first_count()) if callable(self.learning_rate) else EmptyState()

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        if self.learning_rate is None:
            return updates, state
        sign = -1 if self.flip_sign else 1
        if callable(self.learning_rate):
            step_size = sign * self.learning_rate(state.count)
            state = state._replace(count=next_count(state.count))
        else:
            step_size = sign * self.learning_rate
        return map_updates(_multiply, step_size, updates), state


def _multiply(update: jax.Array, factor: Scalar) -> jax.Array:
    return factor * update
