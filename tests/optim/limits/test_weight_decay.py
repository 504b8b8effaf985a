from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, rejects_update, train, train_in_float32

SHAPES = {
    "dense": {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32), "b": jax.ShapeDtypeStruct((3,), jnp.float32)},
    "norm": {"scale": jax.ShapeDtypeStruct((3,), jnp.float32), "shift": jax.ShapeDtypeStruct((3,), jnp.float32)},
}


@pytest.mark.parametrize(
    "mask",
    [
        {"dense": {"w": True, "b": False}, "norm": False},
        True,
        lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params),
    ],
    ids=["prefix", "one bool", "function"],
)
def test_masks(mask: Any) -> None:
    params, gradients = params_and_gradients(SHAPES)
    mine, other = optim.add_decayed_weights(0.1, mask), optax.add_decayed_weights(0.1, mask)
    assert_close(train(mine, params, gradients), train_in_float32(other, params, gradients), 1e-6)


def test_leaves_without_a_gradient_or_parameter_are_left_alone() -> None:
    params = {"dense": {"w": jnp.ones(1), "b": jnp.ones(1)}, "norm": None, "gain": jnp.ones(1)}
    gradients = {"dense": None, "norm": None, "gain": jnp.ones(1)}
    for mask in (None, True, lambda params: jax.tree.map(lambda leaf: True, params)):
        decay = optim.add_decayed_weights(0.5, mask)
        updates, _ = decay.update(gradients, decay.init(params), params)
        assert updates == {"dense": None, "norm": None, "gain": 1.5}


def test_params_are_needed() -> None:
    decay = optim.add_decayed_weights(0.1)
    message = rejects_update(decay, {"w": jnp.ones(1)}, decay.init({}))
    assert "call update(updates, state, params)" in message


def test_params_must_match() -> None:
    message = rejects_update(optim.add_decayed_weights(0.1), {"w": jnp.ones(1)}, optim.EmptyState(), {"v": jnp.ones(1)})
    assert "updates and params do not match: updates has an entry at ['w']" in message


@pytest.mark.parametrize("mask", [{"v": True}, {"w": None}, {"w": {"x": True}}])
def test_mask_must_fit(mask: dict[str, Any]) -> None:
    decay = optim.add_decayed_weights(0.1, mask)
    params = {"w": jnp.ones(1)}
    assert f"mask {mask} does not fit; give one" in rejects_update(decay, params, decay.init(params), params)


def test_masks_tell_values_apart() -> None:
    assert optim.add_decayed_weights(0.1, {"w": True}) != optim.add_decayed_weights(0.1, {"w": False})
