"""Multiply updates by a step size: a number, a schedule, or a learning rate."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, multiply
from backprop_jax.optim.schedules.basic import ScalarOrSchedule, Schedule, value_at
from backprop_jax.optim.step_count import first_count
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan


class ScaleByScheduleState(NamedTuple):
    """Steps taken."""

    count: jax.Array


@dataclass(frozen=True)
class scale(Leafwise):
    """Multiply updates by a number: u = step_size g. State: none."""

    step_size: Scalar

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(multiply, self.step_size, state)


@dataclass(frozen=True)
class scale_by_schedule(Leafwise):
    """Multiply updates by a function of the step: u = step_size_fn(t) g, with t = 0 at the first step.

    State:  `ScaleByScheduleState(count)`, int32.
    """

    step_size_fn: Schedule

    def init(self, params: PyTree) -> ScaleByScheduleState:
        return ScaleByScheduleState(count=first_count())

    def plan(self, updates: PyTree, state: ScaleByScheduleState, params: PyTree, **extra: Any) -> Plan:
        step_size, state = value_at(self.step_size_fn, state)
        return Plan(multiply, step_size, state)


@dataclass(frozen=True)
class scale_by_learning_rate(Leafwise):
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

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        if self.learning_rate is None:
            return Plan(None, None, state)
        learning_rate, state = value_at(self.learning_rate, state)
        return Plan(multiply, -learning_rate if self.flip_sign else learning_rate, state)
