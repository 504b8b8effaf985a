"""Schedules for a training whose length need not be known when it begins. optax has none of them."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive
from backprop_jax.optim.schedules.decay import transitions
from backprop_jax.optim.schedules.warmup import rise


@dataclass(frozen=True)
class inverse_square_root_schedule:
    """Rise in a line from init_value to peak_value, then fall with the inverse square root of the step, for ever.

        value(t) = init_value + (peak_value - init_value) t / warmup_steps      for t < warmup_steps
        value(t) = peak_value sqrt(warmup_steps / t)                            from there on

    The Transformer's own has init_value 0 and peak_value = 1 / sqrt(width warmup_steps).

    Raises: ValueError if warmup_steps is not above 0.
    Source: Vaswani et al., 2017, arXiv:1706.03762, eq. 3.
    """

    init_value: Scalar
    peak_value: Scalar
    warmup_steps: Scalar

    def __post_init__(self) -> None:
        require_positive(self, "warmup_steps", "the fall is measured in it; 4000 is usual for a Transformer")

    def __call__(self, count: Scalar) -> jax.Array:
        return rise(self)(count) * jnp.sqrt(1.0 * self.warmup_steps / jnp.maximum(count, self.warmup_steps))


@dataclass(frozen=True)
class warmup_stable_decay_schedule:
    """Rise in a line to peak_value, stay there, and at last fall to end_value: the trapezoid, or WSD.

        value(t) = init_value + (peak_value - init_value) t / warmup_steps      for t < warmup_steps
        value(t) = peak_value + (end_value - peak_value) x^exponent             from there on
        x        = (t - warmup_steps - transition_begin) / transition_steps, held within [0, 1]

    transition_begin, counted from the end of the warm-up, is thus the number of steps at peak_value: a training may be
    prolonged there. exponent 1 falls in a line, 0.5 is the "1-sqrt" of Hägele et al.

    Raises: ValueError if warmup_steps or transition_begin is negative, or transition_steps or exponent not above 0.
    Source: Hu et al., 2024, arXiv:2404.06395, section 4; Hägele et al., 2024, arXiv:2405.18392.
    """

    init_value: Scalar
    peak_value: Scalar
    warmup_steps: Scalar
    transition_begin: Scalar
    transition_steps: Scalar
    end_value: Scalar = 0.0
    exponent: Scalar = 1.0

    def __post_init__(self) -> None:
        require_non_negative(self, "warmup_steps", "0 leaves the warm-up out")
        require_non_negative(self, "transition_begin", "it is the number of steps at peak_value")
        require_positive(self, "transition_steps", "it is the number of steps that the fall takes")
        require_positive(self, "exponent", "1 falls in a line, 0.5 is steep at first")

    def __call__(self, count: Scalar) -> Scalar:
        passed = transitions(count, self.transition_steps, self.warmup_steps + self.transition_begin)
        fallen = jnp.minimum(passed, 1.0) ** self.exponent
        level = jnp.where(count < self.warmup_steps, rise(self)(count), self.peak_value)
        return level * (1 - fallen) + self.end_value * fallen
