from __future__ import annotations

import jax.numpy as jnp
import pytest

from backprop_jax import optim
from tests.optim.oracle import rejects_update


@pytest.mark.parametrize("decay", [1.5, -0.1, float("nan")])
def test_decay_must_be_in_range(decay: float) -> None:
    with pytest.raises(ValueError, match=rf"trace: decay must be in \[0, 1\], got {decay}; 0.9 is usual"):
        optim.trace(decay)


def test_an_equal_dtype_is_an_equal_transform() -> None:
    assert optim.trace(0.9, accumulator_dtype=jnp.float32) == optim.trace(0.9, accumulator_dtype="float32")


def test_updates_keep_the_gradients_dtype_beside_a_wider_accumulator() -> None:
    gradient = jnp.ones(3, jnp.bfloat16)
    momentum = optim.trace(0.5, accumulator_dtype="float32")
    update, state = momentum.update(gradient, momentum.init(gradient))
    assert update.dtype == jnp.bfloat16 and state.trace.dtype == jnp.float32


def test_without_a_gradient_the_sum_stays() -> None:
    momentum = optim.trace(0.5)
    state = optim.TraceState({"w": jnp.ones(2), "b": jnp.ones(2)})
    updates, state = momentum.update({"w": jnp.ones(2), "b": None}, state)
    assert updates["b"] is None and state.trace["b"].tolist() == [1.0, 1.0] and state.trace["w"].tolist() == [1.5, 1.5]


def test_state_of_other_parameters_is_refused() -> None:
    state = optim.trace(0.9).init({"w": jnp.ones(2)})
    assert "updates and trace do not match: updates has an entry at ['v']" in rejects_update(
        optim.trace(0.9), {"v": jnp.ones(2)}, state
    )
