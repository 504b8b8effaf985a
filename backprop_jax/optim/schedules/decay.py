"""Schedules that go from one value to another: along a power, an exponential or a cosine."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive


def transitions(count: Scalar, transition_steps: Scalar, transition_begin: Scalar) -> jax.Array:
    """How often `transition_steps` have passed since `transition_begin`: 0 before that, and always if not positive."""
    begin = jnp.maximum(transition_begin, 0)
    # In floats: step numbers beyond int32 would overflow.
    length = jnp.where(transition_steps > 0, 1.0 * transition_steps, jnp.inf)
    return (jnp.maximum(count, begin) - begin) / length


@dataclass(frozen=True)
class polynomial_schedule:
    """Go from init_value to end_value along a power, and stay there.

        value(t) = end_value + (init_value - end_value) (1 - x)^power
        x        = (t - transition_begin) / transition_steps, held within [0, 1]

    As in optax, a negative transition_begin counts as 0, and transition_steps that are not above 0 leave init_value
    as it is.
    """

    init_value: Scalar
    end_value: Scalar
    power: Scalar
    transition_steps: Scalar
    transition_begin: Scalar = 0

    def __call__(self, count: Scalar) -> jax.Array:
        passed = transitions(count, self.transition_steps, self.transition_begin)
        kept = (1.0 - jnp.minimum(passed, 1.0)) ** self.power
        return self.init_value * kept + self.end_value * (1.0 - kept)  # exact at both ends


@dataclass(frozen=True)
class linear_schedule:
    """Go from init_value to end_value in a line, and stay there: `polynomial_schedule` with power 1."""

    init_value: Scalar
    end_value: Scalar
    transition_steps: Scalar
    transition_begin: Scalar = 0

    def __call__(self, count: Scalar) -> jax.Array:
        return polynomial_schedule(self.init_value, self.end_value, 1, self.transition_steps, self.transition_begin)(
            count
        )


@dataclass(frozen=True)
class exponential_decay:
    """Multiply init_value by decay_rate every transition_steps, in between too or, with staircase, in jumps.

        value(t) = init_value decay_rate^x,   x = max(t - transition_begin, 0) / transition_steps

    With staircase x is rounded down. `end_value`, if given, is the least value, or with decay_rate >= 1 the greatest.
    As in optax, a negative transition_begin counts as 0, and a decay_rate of 0, or transition_steps that are not above
    0, leave init_value as it is.

    Raises: ValueError if decay_rate is negative.
    """

    init_value: Scalar
    transition_steps: Scalar
    decay_rate: Scalar
    transition_begin: Scalar = 0
    staircase: bool = False
    end_value: Scalar | None = None

    def __post_init__(self) -> None:
        require_non_negative(self, "decay_rate", "it is the factor by which transition_steps change the value")

    def __call__(self, count: Scalar) -> jax.Array:
        passed = transitions(count, self.transition_steps, self.transition_begin)
        moves = (self.transition_steps > 0) & (self.decay_rate != 0)
        rate = jnp.where(moves, self.decay_rate, 1.0)
        value = self.init_value * rate ** (jnp.floor(passed) if self.staircase else passed)
        if self.end_value is None:
            return value
        held = jnp.where(rate < 1, jnp.maximum(value, self.end_value), jnp.minimum(value, self.end_value))
        return jnp.where(moves, held, value)


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
        fraction = jnp.minimum(transitions(count, self.decay_steps, 0), 1.0)
        fallen = (0.5 * (1 + jnp.cos(jnp.pi * fraction))) ** self.exponent
        return self.init_value * ((1 - self.alpha) * fallen + self.alpha)
