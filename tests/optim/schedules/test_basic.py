from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim


def test_boundaries_may_be_traced_and_schedules_be_any_functions() -> None:
    @jax.jit
    def values(boundary: jax.Array) -> jax.Array:
        schedules = [lambda count: 10.0 + count, optax.constant_schedule(2.0)]
        return optim.join_schedules(schedules, [boundary])(jnp.arange(4))

    assert values(jnp.int32(2)).tolist() == [10.0, 11.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("boundaries", "message"),
    [
        ([5], "3 schedules meet at 2 boundaries, got 1; give the step"),
        ([5, 3], r"must not be negative or fall, got \(5, 3\)"),
        ([-1, 3], r"must not be negative or fall, got \(-1, 3\)"),
        ([float("nan"), 3], "must not be negative or fall"),
    ],
)
def test_wrong_boundaries_are_named(boundaries: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"join_schedules: .*{message}"):
        optim.join_schedules([optim.constant_schedule(0.1)] * 3, boundaries)


def test_what_cannot_be_joined() -> None:
    with pytest.raises(TypeError, match=r"join_schedules: 0\.1 is no schedule; for a number pass constant_schedule"):
        optim.join_schedules([0.1], [])
    with pytest.raises(ValueError, match="join_schedules: 0 schedules"):
        optim.join_schedules([], [])
