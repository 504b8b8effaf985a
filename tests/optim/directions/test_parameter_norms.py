from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from backprop_jax.optim.directions.parameter_norms import norm_at_least
from tests.optim.oracle import assert_close, rejects_update

SCALES = [optim.scale_by_trust_ratio, optim.scale_by_param_block_norm, optim.scale_by_param_block_rms]


def update(transform: optim.Transform, updates: Any, params: Any) -> Any:
    return transform.update(updates, optim.EmptyState(), params)[0]


def test_each_leaf_by_its_own_norm() -> None:
    updates = {"w": jnp.array([[0.0, 2.0]]), "b": jnp.array(1.0)}
    params = {"w": jnp.array([[3.0, 4.0]]), "b": jnp.array(-2.0)}
    for transform, w, b in zip(SCALES, (5.0, 10.0, 2 * np.sqrt(12.5)), (2.0, 2.0, 2.0), strict=True):
        assert_close(update(transform(), updates, params), {"w": jnp.array([[0.0, w]]), "b": jnp.array(b)}, 1e-6)


@pytest.mark.parametrize(("updates", "params"), [(0.0, 3.0), (2.0, 0.0), (0.0, 0.0)])
def test_where_a_norm_is_zero_the_trust_ratio_is_one(updates: float, params: float) -> None:
    updates, params = jnp.full(2, updates), jnp.full(2, params)
    trust = lambda updates, params: update(optim.scale_by_trust_ratio(trust_coefficient=7.0), updates, params).sum()
    assert trust(updates, params) == updates.sum()
    gradients = jax.grad(trust, argnums=(0, 1))(updates, params)
    np.testing.assert_array_equal(gradients, [[1.0, 1.0], [0.0, 0.0]])


def test_a_parameter_at_zero_can_move() -> None:
    for transform in (optim.scale_by_param_block_norm(0.5), optim.scale_by_param_block_rms(0.5)):
        assert update(transform, jnp.ones(2), jnp.zeros(2)).tolist() == [0.5, 0.5]


def test_norm_at_least_and_its_gradient() -> None:
    x = jnp.array([3.0, 4.0])
    assert (norm_at_least(x, 2.0), norm_at_least(x, 6.0)) == (5.0, 6.0)
    assert_close([jax.grad(norm_at_least)(x, 2.0)], [jnp.array([0.6, 0.8])], 1e-6)
    for floor in (0.0, 6.0):
        assert jax.grad(norm_at_least)(0.0 * x, floor).tolist() == [0.0, 0.0]


def test_float16_norms_do_not_overflow() -> None:
    # 300 squared is infinite in float16.
    leaf = jnp.full(4, 300.0, jnp.float16)
    assert update(optim.scale_by_param_block_rms(), leaf / 300, leaf).tolist() == [300.0] * 4


@pytest.mark.parametrize("transform", SCALES)
def test_parameters_are_needed_and_empty_leaves_are_not_in_the_way(transform: Any) -> None:
    assert "needs the parameters" in rejects_update(transform(), jnp.ones(2), optim.EmptyState())
    updates = {"empty": jnp.ones((0, 3)), "none": None}
    assert update(transform(), updates, {"empty": jnp.ones((0, 3)), "none": jnp.ones(2)})["none"] is None


def test_wrong_hyperparameters_are_named() -> None:
    with pytest.raises(ValueError, match=r"scale_by_trust_ratio: eps must not be negative or NaN, got -1.0"):
        optim.scale_by_trust_ratio(eps=-1.0)
    with pytest.raises(ValueError, match="scale_by_param_block_rms: min_scale must not be negative or NaN, got nan"):
        optim.scale_by_param_block_rms(float("nan"))
