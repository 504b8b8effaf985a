"""Schedules: functions from the number of steps taken to a value, as values that print, compare and hash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import Scalar, concrete, require_non_negative, require_positive
from backprop_jax.optim.step_count import next_count

Schedule = Callable[[Any], Any]
ScalarOrSchedule = Scalar | Schedule


def value_at(value: ScalarOrSchedule, state: Any) -> tuple[Scalar, Any]:
    """The value at the step that `state.count` names, and the state of the next step; a number needs no state."""
    if callable(value):
        return value(state.count), state._replace(count=next_count(state.count))
    return value, state


@dataclass(frozen=True)
class constant_schedule:
    """The same value at every step."""

    value: Scalar

    def __call__(self, count: Scalar) -> Scalar:
        return self.value


@dataclass(frozen=True)
class cosine_decay_schedule:
    """Fall along half a cosine from init_value to alpha init_value, and stay there.

        value(t) = init_value ((1 - alpha) c^exponent + alpha),   c = (1 + cos(pi min(t / decay_steps, 1))) / 2

    Raises: ValueError if decay_steps is not above 0.
    Source: Loshchilov & Hutter, 2017, arXiv:1608.03983, eq. 5, without restarts.
    """

    init_value: Scalar
    decay_steps: Scalar
    alpha: Scalar = 0.0
    exponent: Scalar = 1.0

    def __post_init__(self) -> None:
        require_positive(self, "decay_steps", "it is the number of steps that the fall takes")

    def __call__(self, count: Scalar) -> jax.Array:
        # A float: step numbers beyond int32 would overflow.
        fraction = jnp.minimum(count / (1.0 * self.decay_steps), 1.0)
        fallen = (0.5 * (1 + jnp.cos(jnp.pi * fraction))) ** self.exponent
        return self.init_value * ((1 - self.alpha) * fallen + self.alpha)


@dataclass(frozen=True)
class warmup_cosine_decay_schedule:
    """Rise in a line from init_value to peak_value, then fall along half a cosine to end_value, and stay there.

        value(t) = init_value + (peak_value - init_value) t / warmup_steps                       for t < warmup_steps
        value(t) = cosine_decay_schedule(peak_value, decay_steps - warmup_steps,
                                         end_value / peak_value, exponent)(t - warmup_steps)     from there on

    decay_steps is the length of the whole, the warm-up included. If peak_value is 0, so is all that follows it.

    Raises: ValueError if warmup_steps is negative, decay_steps is not above 0, or not above warmup_steps.
    Source: Loshchilov & Hutter, 2017, arXiv:1608.03983, for the fall.
    """

    init_value: Scalar
    peak_value: Scalar
    warmup_steps: Scalar
    decay_steps: Scalar
    end_value: Scalar = 0.0
    exponent: Scalar = 1.0

    def __post_init__(self) -> None:
        require_non_negative(self, "warmup_steps", "0 leaves the warm-up out")
        require_positive(self, "decay_steps", "it is the number of steps of the whole, the warm-up included")
        warmup, whole = concrete(self.warmup_steps), concrete(self.decay_steps)
        if warmup is not None and whole is not None and not (whole > warmup).all():
            raise ValueError(
                f"warmup_cosine_decay_schedule: decay_steps must be above warmup_steps, got {self.decay_steps!r} and "
                f"{self.warmup_steps!r}; decay_steps counts the warm-up too"
            )

    def __call__(self, count: Scalar) -> jax.Array:
        rising = self.init_value + (self.peak_value - self.init_value) * (count / jnp.maximum(self.warmup_steps, 1))
        peak = concrete(self.peak_value)
        alpha = 0.0 if peak is not None and peak == 0 else self.end_value / self.peak_value
        fall = cosine_decay_schedule(self.peak_value, self.decay_steps - self.warmup_steps, alpha, self.exponent)
        return jnp.where(count < self.warmup_steps, rising, fall(count - self.warmup_steps))
