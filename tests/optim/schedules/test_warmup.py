from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, ours


@pytest.mark.parametrize("steps", [0, -5, float("nan")])
def test_decay_steps_must_be_positive(steps: float) -> None:
    with pytest.raises(ValueError, match=f"decay_steps must be above 0, got {steps}; it is"):
        optim.warmup_cosine_decay_schedule(0.0, 0.1, 0, steps)


def test_warmup_must_fit() -> None:
    with pytest.raises(ValueError, match="warmup_steps must not be negative or NaN, got -1; 0 leaves the warm-up out"):
        optim.warmup_cosine_decay_schedule(0.0, 0.1, -1, 10)
    with pytest.raises(ValueError, match="decay_steps must be above warmup_steps, got 10 and 10; decay_steps counts"):
        optim.warmup_cosine_decay_schedule(0.0, 0.1, 10, 10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "warmup_constant_schedule(0.0, 0.1, -1)",
            "warmup_steps must not be negative or NaN, got -1; it is the number",
        ),
        ("warmup_exponential_decay_schedule(0.0, 0.1, -1, 5, 0.5)", "warmup_steps must not be negative or NaN, got -1"),
        ("warmup_exponential_decay_schedule(0.0, 0.1, 1, 5, -2.0)", "decay_rate must not be negative or NaN, got -2.0"),
        ("sgdr_schedule([])", "cosine_kwargs is empty; give a dict"),
        (
            "sgdr_schedule([dict(init_value=0, peak_value=1, warmup_steps=5, decay_steps=5)])",
            "decay_steps must be above warmup_steps, got 5 and 5",
        ),
    ],
)
def test_wrong_fields_are_named(call: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours(call)


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


def test_cycles_may_come_from_a_generator_and_are_copied() -> None:
    arguments = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 1, "decay_steps": 4}
    schedule = optim.sgdr_schedule(arguments for _ in range(2))
    arguments["peak_value"] = 7.0
    assert jax.vmap(schedule)(jnp.array([1, 5])).tolist() == [1.0, 1.0]
