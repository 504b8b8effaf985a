from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import STEPS, assert_close, params_and_gradients, rejects_update, train

SHAPES = {
    "w": jax.ShapeDtypeStruct((5, 4), jnp.bfloat16),
    "h": jax.ShapeDtypeStruct((3,), jnp.float16),
    "b": [jax.ShapeDtypeStruct((), jnp.float32), None],
}


def widened(tree: object) -> object:
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tree)


def test_the_copy_is_what_float32_training_gives() -> None:
    params, gradients = params_and_gradients(SHAPES)
    optimizer = optim.adamw(1e-3, weight_decay=0.1)
    exact, exact_state, _ = train(optimizer, widened(params), widened(gradients))
    trained, state, updates = train(optim.master_weights(optimizer), params, gradients)
    assert_close(state.master_params, {"w": exact["w"], "h": exact["h"], "b": [None, None]}, 1e-6)
    assert_close(state.inner_state, exact_state, 1e-6)
    assert_close(trained["b"], exact["b"], 1e-6)
    # The parameters are the copy, rounded once: not what fifty rounded updates add up to.
    for name in ("w", "h"):
        np.testing.assert_array_equal(trained[name], exact[name].astype(SHAPES[name].dtype))
    assert jax.tree.map(lambda leaf: leaf.dtype, updates) == jax.tree.map(lambda leaf: leaf.dtype, gradients)


def test_small_updates_are_not_lost() -> None:
    params = jnp.ones((), jnp.bfloat16)
    gradients = jnp.ones(STEPS, jnp.bfloat16)
    lost, _, _ = train(optim.sgd(1e-3), params, gradients)
    kept, _, _ = train(optim.master_weights(optim.sgd(1e-3)), params, gradients)
    assert lost == 1 and kept == jnp.bfloat16(1 - 1e-3 * STEPS)


def test_a_leaf_without_gradient_is_left_alone() -> None:
    params = {"a": jnp.ones(2, jnp.bfloat16), "b": jnp.ones(2, jnp.bfloat16)}
    optimizer = optim.master_weights(optim.sgd(0.5))
    updates, state = optimizer.update({"a": None, "b": params["b"]}, optimizer.init(params), params)
    assert updates["a"] is None
    np.testing.assert_array_equal(state.master_params["a"], np.ones(2))
    np.testing.assert_array_equal(updates["b"], np.full(2, -0.5))


def test_params_are_needed() -> None:
    optimizer = optim.master_weights(optim.sgd(0.1))
    params = jnp.ones(2)
    assert "update needs the parameters" in rejects_update(optimizer, params, optimizer.init(params))


def test_the_optimizer_must_be_one() -> None:
    with pytest.raises(TypeError, match="master_weights: the optimizer is"):
        optim.master_weights(optim.sgd)  # type: ignore[arg-type]
