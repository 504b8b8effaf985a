"""Schedules that begin with a rise in a line, the warm-up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from backprop_jax.optim.hyperparameters import Scalar, concrete, hash_of, require_non_negative, require_positive
from backprop_jax.optim.schedules.basic import Schedule, join_schedules
from backprop_jax.optim.schedules.decay import cosine_decay_schedule, exponential_decay, linear_schedule


@dataclass(frozen=True)
class warmup_constant_schedule:
    """Rise in a line from init_value to peak_value, and stay there.

    As in optax, without warm-up steps the value stays at init_value.

    Raises: ValueError if warmup_steps is negative.
    """

    init_value: Scalar
    peak_value: Scalar
    warmup_steps: Scalar

    def __post_init__(self) -> None:
        require_non_negative(self, "warmup_steps", "it is the number of steps that the rise takes")

    def __call__(self, count: Scalar) -> Scalar:
        return rise(self)(count)


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

    def __call__(self, count: Scalar) -> Scalar:
        peak = concrete(self.peak_value)
        alpha = 0.0 if peak is not None and peak == 0 else self.end_value / self.peak_value
        fall = cosine_decay_schedule(self.peak_value, self.decay_steps - self.warmup_steps, alpha, self.exponent)
        return _rise_then(self, fall)(count)


@dataclass(frozen=True)
class warmup_exponential_decay_schedule:
    """Rise in a line from init_value to peak_value, and go on from there as `exponential_decay`.

        value(t) = init_value + (peak_value - init_value) t / warmup_steps      for t < warmup_steps
        value(t) = exponential_decay(peak_value, ...)(t - warmup_steps)         from there on

    transition_begin is counted from the end of the warm-up.

    Raises: ValueError if warmup_steps or decay_rate is negative.
    """

    init_value: Scalar
    peak_value: Scalar
    warmup_steps: Scalar
    transition_steps: Scalar
    decay_rate: Scalar
    transition_begin: Scalar = 0
    staircase: bool = False
    end_value: Scalar | None = None

    def __post_init__(self) -> None:
        require_non_negative(self, "warmup_steps", "0 leaves the warm-up out")
        require_non_negative(self, "decay_rate", "it is the factor by which transition_steps change the value")

    def __call__(self, count: Scalar) -> Scalar:
        fall = exponential_decay(
            self.peak_value,
            self.transition_steps,
            self.decay_rate,
            self.transition_begin,
            self.staircase,
            self.end_value,
        )
        return _rise_then(self, fall)(count)


@dataclass(frozen=True)
class sgdr_schedule:
    """Rise and fall along a cosine again and again: stochastic gradient descent with warm restarts.

    `cosine_kwargs` holds for each cycle the arguments of its `warmup_cosine_decay_schedule`, by name; decay_steps is
    the cycle's length.

    Raises: ValueError if there is no cycle, and what `warmup_cosine_decay_schedule` raises.
    Source: Loshchilov & Hutter, 2017, arXiv:1608.03983.
    """

    cosine_kwargs: Iterable[dict[str, Any]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cosine_kwargs", tuple(dict(arguments) for arguments in self.cosine_kwargs))
        if not self.cosine_kwargs:
            raise ValueError(
                "sgdr_schedule: cosine_kwargs is empty; give a dict of warmup_cosine_decay_schedule's arguments for "
                "each cycle"
            )
        self._cycles()

    def __hash__(self) -> int:
        return hash_of(self.cosine_kwargs)

    def _cycles(self) -> list[warmup_cosine_decay_schedule]:
        return [warmup_cosine_decay_schedule(**arguments) for arguments in self.cosine_kwargs]

    def __call__(self, count: Scalar) -> Scalar:
        cycles = self._cycles()
        ends = list(accumulate(cycle.decay_steps for cycle in cycles))
        return join_schedules(cycles, ends[:-1])(count)


def rise(schedule: Any) -> linear_schedule:
    """The warm-up of a schedule, which goes on with its peak_value."""
    return linear_schedule(schedule.init_value, schedule.peak_value, schedule.warmup_steps)


def _rise_then(schedule: Any, following: Schedule) -> join_schedules:
    return join_schedules((rise(schedule), following), (schedule.warmup_steps,))
