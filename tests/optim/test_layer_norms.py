from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, train, train_in_float32

SHAPES = {"w": jax.ShapeDtypeStruct((3, 4), jnp.float32), "b": jax.ShapeDtypeStruct((4,), jnp.float32)}


def test_fromage_with_a_schedule_equals_optax() -> None:
    mine = train(optim.fromage(optim.cosine_decay_schedule(0.3, 15, 0.1)), *params_and_gradients(SHAPES))
    other = optax.fromage(optax.cosine_decay_schedule(0.3, 15, 0.1))
    theirs = train_in_float32(other, *params_and_gradients(SHAPES))
    assert str(jax.tree.structure(mine)) == str(jax.tree.structure(theirs))
    assert_close(mine, theirs, 1e-5)


def test_fromage_with_a_schedule_is_a_value() -> None:
    first, again = (optim.fromage(optim.cosine_decay_schedule(0.3, 15)) for _ in range(2))
    assert first == again and hash(first) == hash(again) and pickle.loads(pickle.dumps(first)) == first
    assert first != optim.fromage(optim.cosine_decay_schedule(0.3, 16))


def test_fromage_keeps_the_norm_of_a_parameter_at_right_angles_to_its_gradient() -> None:
    # (p - rate |p| g / |g|) / sqrt(1 + rate^2) is p, turned. A small rate shows how 1 / sqrt(1 + rate^2) - 1 rounds.
    params, gradient = jnp.array([3.0, 0.0]), jnp.array([0.0, 1e-3])
    for rate in (1e-3, 0.5):
        for learning_rate in (rate, optim.constant_schedule(jnp.float32(rate))):
            optimizer = optim.fromage(learning_rate)
            update, _ = optimizer.update(gradient, optimizer.init(params), params)
            expected = 3.0 * np.array([1.0, -rate]) / np.sqrt(1 + rate**2) - [3.0, 0.0]
            np.testing.assert_allclose(update, expected, rtol=1e-5)


def test_lamb_and_lars_step_by_a_share_of_the_norm() -> None:
    params, gradients = params_and_gradients(SHAPES)
    gradient = jax.tree.map(lambda steps: 100 * steps[0], gradients)
    for optimizer, share in ((optim.lamb(0.1), 0.1), (optim.lars(0.1, trust_coefficient=0.5), 0.05)):
        updates, _ = optimizer.update(gradient, optimizer.init(params), params)
        for name in SHAPES:
            ratio = jnp.linalg.norm(updates[name]) / jnp.linalg.norm(params[name])
            np.testing.assert_allclose(ratio, share, rtol=1e-5)


@pytest.mark.parametrize("recipe", [optim.fromage, optim.lamb, optim.lars])
def test_negative_learning_rate_is_refused(recipe: type) -> None:
    with pytest.raises(ValueError, match="learning_rate must not be negative or NaN"):
        recipe(-0.1)
