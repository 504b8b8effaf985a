from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def update(transform: optim.scale_by_polyak, gradient: list[float], value: float) -> np.ndarray:
    updates, _ = transform.update(jnp.array(gradient), optim.EmptyState(), value=value)
    return np.asarray(updates)


def test_value_by_hand() -> None:
    np.testing.assert_allclose(update(optim.scale_by_polyak(f_min=1.0), [3.0, 4.0], 6.0), [0.6, 0.8])
    np.testing.assert_allclose(update(optim.scale_by_polyak(f_min=1.0, eps=25.0), [3.0, 4.0], 6.0), [0.3, 0.4])
    np.testing.assert_allclose(update(optim.scale_by_polyak(max_learning_rate=0.1), [3.0, 4.0], 6.0), [0.3, 0.4])


def test_below_the_lowest_value() -> None:
    np.testing.assert_allclose(update(optim.scale_by_polyak(f_min=1.0), [3.0, 4.0], -4.0), [-0.6, -0.8])
    np.testing.assert_array_equal(update(optim.scale_by_polyak(f_min=1.0, variant="sps+"), [3.0, 4.0], -4.0), 0.0)


def test_without_a_gradient_there_is_no_step() -> None:
    np.testing.assert_array_equal(update(optim.scale_by_polyak(), [0.0, 0.0], 1.0), 0.0)
    assert optim.scale_by_polyak().update({"a": None}, optim.EmptyState(), value=1.0)[0] == {"a": None}


def test_one_step_to_the_minimum_of_a_norm() -> None:
    params = jnp.array([3.0, -4.0])
    updates, _ = optim.polyak_sgd(100.0).update(params / 5, optim.polyak_sgd().init(params), params, value=5.0)
    np.testing.assert_allclose(optim.apply_updates(params, updates), 0.0, atol=1e-6)


def test_wrong_calls_are_named() -> None:
    with pytest.raises(TypeError, match=r"needs value; call update\(updates, state, params, value=value\)"):
        optim.polyak_sgd().update(jnp.ones(2), optim.polyak_sgd().init(jnp.ones(2)))
    with pytest.raises(ValueError, match=r"variant must be 'sps' or 'sps\+', got 'sgd'"):
        optim.scale_by_polyak(variant="sgd")
    with pytest.raises(ValueError, match="max_learning_rate must be above 0, got 0"):
        optim.scale_by_polyak(max_learning_rate=0)
