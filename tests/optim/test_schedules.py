from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close


@pytest.mark.parametrize("steps", [0, -5, float("nan")])
def test_decay_steps_must_be_positive(steps: float) -> None:
    with pytest.raises(ValueError, match=f"cosine_decay_schedule: decay_steps must be above 0, got {steps}; it is"):
        optim.cosine_decay_schedule(0.1, steps)
    with pytest.raises(ValueError, match=f"decay_steps must be above 0, got {steps}; it is"):
        optim.warmup_cosine_decay_schedule(0.0, 0.1, 0, steps)


def test_warmup_must_fit() -> None:
    with pytest.raises(ValueError, match="warmup_steps must not be negative or NaN, got -1; 0 leaves the warm-up out"):
        optim.warmup_cosine_decay_schedule(0.0, 0.1, -1, 10)
    with pytest.raises(ValueError, match="decay_steps must be above warmup_steps, got 10 and 10; decay_steps counts"):
        optim.warmup_cosine_decay_schedule(0.0, 0.1, 10, 10)


def test_steps_beyond_int32() -> None:
    schedule = optim.cosine_decay_schedule(1.0, 2**33)
    assert schedule(jnp.array(2**31 - 1, jnp.int32)) > 0.8 and jax.jit(schedule)(0) == 1.0


@pytest.mark.parametrize("field", range(4))
def test_fields_may_be_traced(field: int) -> None:
    def value(module: Any, traced: jax.Array) -> Any:
        fields = [0.1, 0.5, 3, 12]
        fields[field] = traced
        return module.warmup_cosine_decay_schedule(*fields, end_value=0.2)

    counts = jnp.arange(15)
    for number in ([0.3], [0.7], [2], [9])[field]:
        mine = jax.jit(lambda traced: value(optim, traced)(counts))(jnp.asarray(number))
        assert_close(mine, jax.vmap(value(optax, number))(counts), 1e-6)
