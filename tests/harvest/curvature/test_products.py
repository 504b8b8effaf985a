"""Products with the curvature are those with the matrices that jax.hessian and the whole Jacobian make."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.harvest.curvature import fisher_product, gauss_newton_product, hessian_product
from backprop_jax.losses import CrossEntropy, Hinge, Huber, MeanSquaredError
from tests.harvest.curvature.tiny import CLASSES, NUMBERS, PARAMS, X, dense, mlp


@pytest.mark.parametrize(
    ("loss", "target"),
    [(CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0, 0.5)), CLASSES), (Huber(), NUMBERS)],
)
def test_are_those_with_the_matrices(loss: bp.Layer, target: np.ndarray) -> None:
    objective, state, batch = bp.supervised(mlp(), loss), ((), (), ()), (X, target)
    flat, unravel = ravel_pytree(PARAMS)
    vector = np.random.default_rng(0).standard_normal(flat.size).astype(np.float32)

    @jax.jit
    def products(flat: jax.Array, vector: jax.Array) -> list[jax.Array]:
        makers = hessian_product(objective), gauss_newton_product(objective)
        hessian = jax.hessian(lambda at: objective.forward(unravel(at), state, batch)[0])(flat)
        return [*(ravel_pytree(make(PARAMS, state, batch)(unravel(vector)))[0] for make in makers), hessian]

    *both, hessian = products(flat, vector)
    matrices = hessian, dense(objective, PARAMS, state, batch).gauss_newton
    for found, matrix in zip(both, matrices, strict=True):
        np.testing.assert_allclose(found, matrix @ vector, atol=2e-6)


def test_fisher_of_the_model_is_gauss_newton_and_of_the_data_that_of_the_gradients() -> None:
    loss = MeanSquaredError()
    objective, state, batch = bp.supervised(mlp(), loss), ((), (), ()), (X, NUMBERS)
    expected = dense(objective, PARAMS, state, batch)
    flat, unravel = ravel_pytree(PARAMS)
    vector = np.random.default_rng(0).standard_normal(flat.size).astype(np.float32)

    @jax.jit
    def products(vector: jax.Array) -> list[jax.Array]:
        makers = fisher_product(objective), fisher_product(objective, empirical=True)
        return [ravel_pytree(make(PARAMS, state, batch)(unravel(vector)))[0] for make in makers]

    of_model, of_data = products(vector)
    np.testing.assert_allclose(of_model, expected.gauss_newton @ vector, atol=2e-6)
    np.testing.assert_allclose(of_data, expected.gradients.T @ (expected.gradients @ vector) / 3, atol=2e-6)


def test_what_has_no_such_curvature_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"Fisher matrix is known of .*CrossEntropy.*not of Hinge"):
        fisher_product(bp.supervised(mlp(), Hinge()))


def test_a_wide_vector_is_rounded_to_the_parameters_dtype() -> None:
    """As a solver in float32 hands one over."""
    objective, batch = bp.supervised(bp.Dense(3), MeanSquaredError()), (X.astype(jnp.bfloat16), NUMBERS)
    params, state = objective.init(jax.random.key(0), batch)
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    wide = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), params)
    for make in (hessian_product, gauss_newton_product, fisher_product):
        found = jax.eval_shape(make(objective)(params, state, batch), wide)
        assert all(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(found))
