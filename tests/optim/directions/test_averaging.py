from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


@pytest.mark.parametrize("debias", [True, False])
def test_equals_the_weighted_mean(debias: bool) -> None:
    average = optim.ema(0.75, debias)
    state = average.init(jnp.array(0.0))
    values = [1.0, -3.0, 2.0]
    for t, value in enumerate(values, start=1):
        update, state = average.update(jnp.array(value), state)
        weights = 0.25 * 0.75 ** np.arange(t)[::-1]
        mean = np.dot(weights, values[:t])
        np.testing.assert_allclose(state.ema, mean, rtol=1e-6)
        np.testing.assert_allclose(update, mean / weights.sum() if debias else mean, rtol=1e-6)


def test_after_very_many_steps_there_is_nothing_to_correct() -> None:
    state = optim.EmaState(count=jnp.array(2**31 - 1, jnp.int32), ema=jnp.array(4.0))
    update, state = optim.ema(0.5).update(jnp.array(2.0), state)
    assert update == 3.0 and state.count == 2**31 - 1


def test_dtypes_and_none() -> None:
    average = optim.ema(0.5, accumulator_dtype="float32")
    state = average.init({"w": jnp.ones(2, jnp.bfloat16), "b": jnp.ones(2)})
    updates, state = average.update({"w": jnp.ones(2, jnp.bfloat16), "b": None}, state)
    assert updates["w"].dtype == jnp.bfloat16 and state.ema["w"].dtype == jnp.float32
    assert updates["b"] is None and state.ema["b"].tolist() == [0.0, 0.0]


def test_decay_must_be_in_range() -> None:
    with pytest.raises(ValueError, match=r"ema: decay must be in \[0, 1\), got 1.0; 0.9 is usual"):
        optim.ema(1.0)
