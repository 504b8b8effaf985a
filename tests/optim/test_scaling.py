from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import pytest

from backprop_jax import optim


@pytest.mark.parametrize("rate", [-0.1, float("nan"), jnp.array(-1.0)])
def test_learning_rate_must_not_be_negative(rate: Any) -> None:
    with pytest.raises(ValueError, match=r"scale_by_learning_rate: learning_rate must not be negative or NaN, got"):
        optim.scale_by_learning_rate(rate)


@pytest.mark.parametrize("as_schedule", [False, True])
def test_a_wide_factor_does_not_widen_updates(as_schedule: bool) -> None:
    factor = jnp.float32(0.5)
    transform = optim.scale_by_learning_rate(optim.constant_schedule(factor) if as_schedule else factor)
    update, _ = transform.update(jnp.ones(2, jnp.bfloat16), transform.init(jnp.ones(2)))
    assert update.dtype == jnp.bfloat16 and update.tolist() == [-0.5, -0.5]


def test_schedules_start_at_step_zero() -> None:
    transform = optim.scale_by_schedule(lambda count: count)
    state = transform.init({})
    for expected in (0.0, 1.0, 2.0):
        update, state = transform.update(jnp.ones(()), state)
        assert update == expected


def test_none_stays_none() -> None:
    updates, _ = optim.scale(2.0).update({"w": jnp.ones(1), "b": None}, optim.EmptyState())
    assert updates == {"w": 2.0, "b": None}
