from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close


@pytest.mark.parametrize("steps", [0, -5, float("nan")])
def test_decay_steps_must_be_positive(steps: float) -> None:
    with pytest.raises(ValueError, match=f"cosine_decay_schedule: decay_steps must be above 0, got {steps}; it is"):
        optim.cosine_decay_schedule(0.1, steps)


def test_a_negative_decay_rate_is_refused() -> None:
    with pytest.raises(ValueError, match=r"exponential_decay: decay_rate must not be negative or NaN, got -0\.5"):
        optim.exponential_decay(0.1, 10, -0.5)


def test_steps_beyond_int32() -> None:
    last = jnp.array(2**31 - 1, jnp.int32)
    for schedule in (
        optim.cosine_decay_schedule(1.0, 2**33),
        optim.linear_schedule(1.0, 0.0, 2**33),
        optim.exponential_decay(1.0, 2**33, 0.5),
    ):
        assert 0.7 < schedule(last) < 0.95 and jax.jit(schedule)(0) == 1.0


def test_both_ends_are_exact() -> None:
    schedule = optim.polynomial_schedule(1e-8, 1.0, 2, 10, transition_begin=3)
    assert schedule(3) == np.float32(1e-8) and schedule(13) == 1.0
    back = optim.linear_schedule(1.0, 1e-8, 10)
    assert back(0) == 1.0 and back(10) == np.float32(1e-8)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.float32])
def test_counts_before_the_begin_do_not_wrap(dtype: jax.typing.DTypeLike) -> None:
    values = optim.linear_schedule(1.0, 0.0, 10, transition_begin=5)(jnp.arange(8, dtype=dtype))
    np.testing.assert_allclose(values, [1, 1, 1, 1, 1, 1, 0.9, 0.8], rtol=1e-6)


@pytest.mark.parametrize("rate", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("steps", [-1, 0, 4])
def test_fields_may_be_traced(rate: float, steps: int) -> None:
    # optax chooses by the values of these, so there they cannot be traced.
    counts = jnp.arange(12)

    @jax.jit
    def mine(rate: jax.Array, steps: jax.Array) -> list[jax.Array]:
        decay = optim.exponential_decay(1.0, steps, rate, 3, True, end_value=0.6)
        return [decay(counts), optim.polynomial_schedule(1.0, rate, 3, steps, 2)(counts)]

    decay = optax.exponential_decay(1.0, steps, rate, 3, True, end_value=0.6)
    polynomial = optax.polynomial_schedule(1.0, rate, 3, steps, 2)
    assert_close(mine(jnp.float32(rate), jnp.int32(steps)), [jax.vmap(f)(counts) for f in (decay, polynomial)], 1e-6)
