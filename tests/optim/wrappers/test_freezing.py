from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import params_and_gradients, train

SHAPES = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32), "b": [jax.ShapeDtypeStruct((2,), jnp.bfloat16)]}


def test_frozen_parameters_stay() -> None:
    params, gradients = params_and_gradients(SHAPES)
    for optimizer in (
        optim.chain(optim.adamw(0.1), optim.freeze({"w": True, "b": False})),
        optim.selective_transform(optim.adamw(0.1), freeze_mask={"w": np.bool_(True), "b": False}),
    ):
        trained, _, updates = train(optimizer, params, gradients)
        np.testing.assert_array_equal(trained["w"], params["w"])
        assert not np.array_equal(trained["b"][0], params["b"][0]) and updates["b"][0].dtype == jnp.bfloat16


def test_a_frozen_leaf_has_no_state() -> None:
    transform = optim.selective_transform(optim.trace(0.9), freeze_mask={"w": True, "b": False})
    assert [leaf.shape for leaf in jax.tree.leaves(jax.eval_shape(transform.init, SHAPES))] == [(2,)]


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"masked: mask {'w': True} does not fit"):
        optim.freeze({"w": True}).init(SHAPES)
    with pytest.raises(ValueError, match=r"partition: param_labels {'w': 'freeze'} does not fit"):
        optim.selective_transform(optim.scale(1.0), freeze_mask={"w": True}).init(SHAPES)
