"""Leave out steps whose loss is far above what it has been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.combining import is_elementwise, require_transform
from backprop_jax.optim.hyperparameters import Scalar, require_count, require_decay, require_positive
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.skipping import update_if


class SkipLossSpikesState(NamedTuple):
    """Losses counted, their running mean and variance, steps left out in a row and in all, and the inner state."""

    count: jax.Array
    mean: jax.Array
    variance: jax.Array
    in_a_row: jax.Array
    in_all: jax.Array
    inner_state: PyTree


@dataclass(frozen=True)
class skip_loss_spikes(Transform):
    """Leave out a step whose loss is more than `threshold` deviations above the mean of those before.

        z = (value - m) / √v;   m and v are the mean and variance of the losses so far, each weighted by decay^age

    Its updates are zero and `inner`'s state stays; that of the model, such as batch statistics, moves on.

    The first `warmup` losses are only counted. A loss that is left out does not count, nor does one that is not finite,
    which is left out too. After `max_consecutive_skips` in a row the next step is taken whatever its loss, and counts:
    the loss may have come to another level. A gradient of NaN is then taken too.

    Give it the loss: update(..., value=loss), as `train.make_step` does. `train.fit` and its like end at a loss that is
    not finite, without asking the optimizer.

    State:  `SkipLossSpikesState(count, mean, variance, in_a_row, in_all, inner_state)`: counts int32, others float32.
    Raises: TypeError if `inner` is no transform; ValueError if threshold is not above 0, decay outside [0, 1), warmup
            or max_consecutive_skips no whole number above 0; at update if `value` is missing.
    """

    elementwise = elementwise_if(lambda self: is_elementwise(self.inner))

    inner: Any
    threshold: Scalar = 6.0
    decay: Scalar = 0.99
    warmup: int = 100
    max_consecutive_skips: int = 10

    def __post_init__(self) -> None:
        require_transform(self.inner, "skip_loss_spikes: inner")
        require_positive(self, "threshold", "it is in standard deviations; 6 is usual")
        require_decay(self, "decay", "it is how much of a loss's weight is left a step later; 0.99 is usual")
        require_count(self, "warmup", "it is the number of losses by which the first one is judged")
        require_count(self, "max_consecutive_skips", "it is how many steps in a row may be left out")

    def init(self, params: PyTree) -> SkipLossSpikesState:
        zero = jnp.zeros((), jnp.float32)
        return SkipLossSpikesState(first_count(), zero, zero, first_count(), first_count(), self.inner.init(params))

    def update(
        self, updates: PyTree, state: SkipLossSpikesState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, SkipLossSpikesState]:
        if extra.get("value") is None:
            raise ValueError("skip_loss_spikes needs the loss: update(..., value=loss)")
        value = jnp.asarray(extra["value"], jnp.float32)
        is_finite = jnp.isfinite(value)
        away = value - state.mean
        is_spike = (state.count >= self.warmup) & (away > self.threshold * jnp.sqrt(state.variance))
        is_last = state.in_a_row >= self.max_consecutive_skips
        applies = is_last | is_finite & ~is_spike
        counts = applies & is_finite
        count = jnp.where(counts, safe_increment(state.count), state.count)
        # The weight of the newest among decay^0 + decay^1 + ... of all.
        share = (1 - self.decay) / (1 - self.decay ** jnp.maximum(count, 1))
        mean = state.mean + share * away
        variance = (1 - share) * (state.variance + share * away**2)
        updates, inner_state = update_if(applies, self.inner, updates, state.inner_state, params, extra)
        return updates, SkipLossSpikesState(
            count,
            jnp.where(counts, mean, state.mean),
            jnp.where(counts, variance, state.variance),
            jnp.where(applies, 0, safe_increment(state.in_a_row)),
            jnp.where(applies, state.in_all, safe_increment(state.in_all)),
            inner_state,
        )
