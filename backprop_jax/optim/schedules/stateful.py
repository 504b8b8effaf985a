"""Schedules that keep a state, and may thus depend on more than the number of steps taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax

from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.schedules.basic import Schedule
from backprop_jax.optim.step_count import first_count, safe_increment


@runtime_checkable
class StatefulSchedule(Protocol):
    """A value that changes from step to step with a state of its own, for which `update` may read `extra`."""

    def init(self) -> Any:
        """Return the state before the first step."""

    def update(self, state: Any, **extra: Any) -> Any:
        """Return the state of the next step. `extra` is what the optimizer's update was given, such as the loss."""

    def __call__(self, state: Any, **extra: Any) -> Scalar:
        """Return the value in this state."""
        ...


class WrappedScheduleState(NamedTuple):
    """Steps taken."""

    count: jax.Array


@dataclass(frozen=True)
class WrappedSchedule:
    """A schedule as a stateful one, whose state is the number of steps taken.

    State: `WrappedScheduleState(count)`, int32.
    """

    schedule_fn: Schedule

    def init(self) -> WrappedScheduleState:
        return WrappedScheduleState(count=first_count())

    def update(self, state: WrappedScheduleState, **extra: Any) -> WrappedScheduleState:
        return state._replace(count=safe_increment(state.count))

    def __call__(self, state: WrappedScheduleState, **extra: Any) -> Scalar:
        return self.schedule_fn(state.count)
