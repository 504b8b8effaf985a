from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import params_and_gradients, train

dog = optim.scale_by_distance_over_gradients


def test_equals_the_definition() -> None:
    shapes = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32), "s": jax.ShapeDtypeStruct((), jnp.float32)}
    params, gradients = params_and_gradients(shapes)
    _, _, updates = train(dog(0.1, 1e-4, global_scale=-2.0), params, gradients)
    for name in shapes:
        position = start = np.asarray(params[name], np.float64)
        farthest, squares = 0.1 * (1 + np.sqrt(np.sum(start**2))), 0.0
        for gradient, update in zip(np.asarray(gradients[name], np.float64), updates[name], strict=True):
            farthest = max(farthest, np.sqrt(np.sum((position - start) ** 2)))
            squares += np.sum(gradient**2)
            expected = -2.0 * farthest / np.sqrt(squares + 1e-4) * gradient
            np.testing.assert_allclose(update, expected, rtol=1e-4)
            position = position + expected


def test_a_scalar_keeps_its_shape() -> None:
    update, state = dog().update(jnp.array(2.0), dog().init(jnp.array(1.0)), jnp.array(1.0))
    assert update.shape == () and state.grad_sum_of_squares.shape == (1,)


def test_the_start_is_a_copy_which_outlives_donated_parameters() -> None:
    params = jnp.ones(4)
    state = dog().init(params)
    jax.jit(lambda params, state: dog().update(params, state, params), donate_argnums=(0, 1))(params, state)
    assert params.is_deleted()


def test_half_precision_parameters_keep_a_single_precision_start() -> None:
    params = jnp.full(3, 1.0, jnp.bfloat16)
    state = dog().init(params)
    update, state = dog().update(params, state, params)
    assert update.dtype == state.max_dist.dtype == jnp.bfloat16 and state.init_params.dtype == jnp.float32


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"reps_rel must be above 0, got 0.0; 1e-6 is usual"):
        dog(0.0)
    with pytest.raises(ValueError, match="the parameter at the root is complex"):
        dog().init(jnp.ones(2, jnp.complex64))
    with pytest.raises(ValueError, match="needs the parameters"):
        dog().update(jnp.ones(2), dog().init(jnp.ones(2)))
