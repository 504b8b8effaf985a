from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, random_like

TREE = {
    "w": jax.ShapeDtypeStruct((2, 3), jnp.float32),
    "half": jax.ShapeDtypeStruct((4,), jnp.bfloat16),
    "wave": jax.ShapeDtypeStruct((), jnp.complex64),
    "empty": jax.ShapeDtypeStruct((0, 3), jnp.float32),
    "none": None,
}


def test_the_inner_transform_sees_one_vector() -> None:
    optimizer = optim.flatten(optim.scale_by_adam())
    for params in (TREE, random_like(TREE, 0)):
        state = optimizer.init(params)
        assert state.mu.shape == (11,) and state.mu.dtype == jnp.complex64
    without_waves = {"w": TREE["w"], "half": TREE["half"]}
    assert jax.eval_shape(optimizer.init, without_waves).mu.dtype == jnp.float32


def test_leaves_keep_their_dtypes_and_values() -> None:
    params, gradients = random_like(TREE, 0), random_like(TREE, 1)
    inner = optim.adamw(0.1, weight_decay=0.1)
    flat, whole = (
        optimizer.update(gradients, optimizer.init(params), params, unknown=1)[0]
        for optimizer in (optim.flatten(inner), inner)
    )
    assert jax.tree.map(lambda leaf: leaf.dtype, flat) == jax.tree.map(lambda leaf: leaf.dtype, gradients)
    assert_close(flat, whole, 1e-6)


def test_norms_are_those_of_all_leaves() -> None:
    gradients = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    optimizer = optim.flatten(optim.normalize())
    updates, _ = optimizer.update(gradients, optimizer.init(gradients))
    assert_close(updates, {"a": jnp.array([0.6]), "b": jnp.array([0.8])}, 1e-6)


def test_an_empty_tree() -> None:
    optimizer = optim.flatten(optim.adam(0.1))
    assert optimizer.update({}, optimizer.init({}), {})[0] == {}


def test_what_is_no_transform_is_refused() -> None:
    with pytest.raises(TypeError, match=r"flatten: inner is .* no transform"):
        optim.flatten(optim.adam)
