"""Schedules: functions from the number of steps taken to a value, as values that print, compare and hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import Scalar, concrete
from backprop_jax.optim.step_count import safe_increment

Schedule = Callable[[Any], Any]
ScalarOrSchedule = Scalar | Schedule


def value_at(value: ScalarOrSchedule, state: Any) -> tuple[Scalar, Any]:
    """The value at the step that `state.count` names, and the state of the next step; a number needs no state."""
    if callable(value):
        return value(state.count), state._replace(count=safe_increment(state.count))
    return value, state


@dataclass(frozen=True)
class constant_schedule:
    """The same value at every step."""

    value: Scalar

    def __call__(self, count: Scalar) -> Scalar:
        return self.value


@dataclass(frozen=True)
class join_schedules:
    """One schedule after another: the next takes over at each boundary, and counts its own steps from there.

        value(t) = schedules[k](t - boundaries[k - 1])   with k the number of boundaries that are at most t

    `schedules` may be ours, optax's, or any functions of the step.

    Raises: ValueError if the boundaries are not one fewer than the schedules, negative, or out of order; TypeError for
            a schedule that cannot be called.
    """

    schedules: Sequence[Schedule]
    boundaries: Sequence[Scalar]

    def __post_init__(self) -> None:
        # Tuples have a hash.
        object.__setattr__(self, "schedules", tuple(self.schedules))
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        for schedule in self.schedules:
            if not callable(schedule):
                raise TypeError(f"join_schedules: {schedule!r} is no schedule; for a number pass constant_schedule")
        if len(self.boundaries) != len(self.schedules) - 1:
            raise ValueError(
                f"join_schedules: {len(self.schedules)} schedules meet at {max(len(self.schedules) - 1, 0)} "
                f"boundaries, got {len(self.boundaries)}; give the step at which each but the first takes over"
            )
        known = [step for step in map(concrete, self.boundaries) if step is not None]
        if not all(earlier <= later for earlier, later in pairwise([0, *known])):
            raise ValueError(
                f"join_schedules: boundaries must not be negative or fall, got {self.boundaries!r}; "
                "each is a step of the whole, not the length of a part"
            )

    def __call__(self, count: Scalar) -> Scalar:
        value = self.schedules[0](count)
        for boundary, schedule in zip(self.boundaries, self.schedules[1:], strict=True):
            value = jnp.where(count < boundary, value, schedule(count - boundary))
        return value
