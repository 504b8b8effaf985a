from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, random_like

SHAPES = {
    "w": jax.ShapeDtypeStruct((5, 3, 2), jnp.float32),
    "b": [jax.ShapeDtypeStruct((5,), jnp.float32), None],
    "wave": jax.ShapeDtypeStruct((5, 2), jnp.complex64),
}


@pytest.mark.parametrize("bound", [0.0, 1.0, 3.0, float("inf")])
def test_as_optax(bound: float) -> None:
    grads = jax.tree.map(lambda leaf: leaf.at[2].set(0), random_like(SHAPES, 0))
    pairs = [
        (optim.per_example_global_norm_clip, optax.per_example_global_norm_clip, {}),
        (optim.per_example_layer_norm_clip, optax.per_example_layer_norm_clip, {"uniform": True}),
        (optim.per_example_layer_norm_clip, optax.per_example_layer_norm_clip, {"uniform": False}),
    ]
    for mine, other, options in pairs:
        result, expected = mine(grads, bound, **options), other(grads, bound, **options)
        assert_close(result, expected, 1e-6)
        assert jax.tree.structure(result) == jax.tree.structure(expected)
        assert [x.dtype for x in jax.tree.leaves(result)] == [x.dtype for x in jax.tree.leaves(expected)]


def test_by_hand() -> None:
    grads = {"w": jnp.array([[3.0, 0.0], [0.3, 0.4], [0.0, 0.0]]), "b": jnp.array([4.0, 0.0, 0.0])}
    total, clipped = optim.per_example_global_norm_clip(grads, 1.0)  # norms 5, 0.5, 0
    np.testing.assert_allclose(total["w"], [0.9, 0.4], rtol=1e-6)
    np.testing.assert_allclose(total["b"], 0.8, rtol=1e-6)
    assert clipped == 1
    total, clipped = optim.per_example_layer_norm_clip(grads, 3.0, uniform=False)  # w gets sqrt(6), b sqrt(3)
    np.testing.assert_allclose(total["w"], [0.3 + np.sqrt(6), 0.4], rtol=1e-6)
    np.testing.assert_allclose(total["b"], np.sqrt(3), rtol=1e-6)
    assert clipped == {"w": 1, "b": 1}


def test_half_precision_is_added_up_in_single() -> None:
    grads = jnp.full((1024, 1), 1.0, jnp.bfloat16)  # added one by one in bfloat16, the sum stays at 256
    total, clipped = jax.jit(optim.per_example_global_norm_clip)(grads, 2.0)
    assert total.dtype == jnp.bfloat16 and total.tolist() == [1024.0] and clipped == 0


@pytest.mark.parametrize("grads", [{"w": jnp.ones((3, 2)), "b": jnp.ones(2)}, [jnp.ones(())], {}])
@pytest.mark.parametrize("function", [optim.per_example_global_norm_clip, optim.per_example_layer_norm_clip])
def test_leaves_without_a_common_first_axis_are_refused(grads: Any, function: Any) -> None:
    with pytest.raises(ValueError, match=rf"{function.__name__}: every leaf must begin .*, got shapes \[.*jax.vmap"):
        function(grads, 1.0)
