"""The curvature of `LinearCrossEntropy` is that of its logits, which it never forms."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.harvest.curvature import (
    curvature_diagonal,
    gauss_newton_product,
    kronecker_factors,
)
from backprop_jax.losses import CrossEntropy, LinearCrossEntropy
from backprop_jax.models import LanguageModel, LanguageModelLoss

RANDOM = np.random.default_rng(0)
TOKENS = RANDOM.integers(0, 5, (2, 3))
TARGET = np.array([[1, -1, 3], [2, 0, 4]])


def test_a_tied_table_has_the_curvature_of_the_logits() -> None:
    """As the model with all logits and `CrossEntropy`: value, diagonal and product."""
    model = LanguageModel(bp.Embedding(5, 3), bp.chain(bp.Dense(3), bp.Tanh()))
    options: Any = {"ignore_index": -1, "label_smoothing": 0.1}
    objectives = (
        LanguageModelLoss(model, LinearCrossEntropy(5, chunk_size=4, **options)),
        bp.supervised(model, CrossEntropy(**options)),
    )
    batch = TOKENS, TARGET

    @jax.jit
    def run(key: jax.Array) -> list[Any]:
        params, state = model.init(key, TOKENS)
        vector = jax.tree.map(lambda leaf: jax.random.normal(key, leaf.shape), params)
        told = []
        for objective in objectives:
            (value, _), diagonal = curvature_diagonal(objective, "exact")(params, state, batch)
            told.append((value, diagonal, gauss_newton_product(objective)(params, state, batch)(vector)))
        return told

    for found, expected in zip(*map(jax.tree.leaves, run(jax.random.key(0))), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-6)


def test_weights_softcap_and_bias_of_a_table_of_its_own() -> None:
    """Against the whole Jacobian of the logits; a sample is right in the mean."""
    loss = LinearCrossEntropy(5, use_bias=True, logit_softcap=2.0, chunk_size=2, accuracy=True)
    objective = bp.chain(model=bp.first(bp.Dense(2, use_bias=False)), loss=loss)
    x, weights = RANDOM.standard_normal((2, 3, 2)).astype(np.float32), np.array([[1, 0, 2], [0.5, 1, 1]], np.float32)
    batch = x, np.abs(TARGET), weights

    @jax.jit
    def run(key: jax.Array) -> tuple[Any, ...]:
        params, state = objective.init(key, batch)
        params = jax.tree.map(lambda leaf: leaf + jax.random.normal(key, leaf.shape), params)
        flat, unravel = ravel_pytree(params)

        def logits(flat: jax.Array) -> jax.Array:
            at = unravel(flat)
            z = x @ at["model"]["w"] @ at["loss"]["table"].T + at["loss"]["b"]
            return 2 * jnp.tanh(z / 2)

        p, jacobian = jax.nn.softmax(logits(flat)), jax.jacobian(logits)(flat)
        hessian = (weights / weights.sum())[..., None, None] * (
            jax.vmap(jax.vmap(jnp.diag))(p) - p[..., None] * p[..., None, :]
        )
        matrix = jnp.einsum("btvp,btvw,btwq->pq", jacobian, hessian, jacobian)
        _, exact = curvature_diagonal(objective, "exact")(params, state, batch)
        _, sampled = curvature_diagonal(objective, samples=3000)(params, state, batch, key)
        product = gauss_newton_product(objective)(params, state, batch)(unravel(jnp.sin(jnp.arange(flat.size))))
        _, blocks = kronecker_factors(objective, "exact")(params, state, batch)
        value = objective.forward(params, state, batch)[0]
        found = [ravel_pytree(tree)[0] for tree in (exact, sampled, product)]
        return matrix, *found, blocks, value, curvature_diagonal(objective, "exact")(params, state, batch)[0][0]

    matrix, exact, sampled, product, blocks, expected_value, value = run(jax.random.key(1))
    np.testing.assert_allclose(exact, np.diag(matrix), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(sampled, np.diag(matrix), atol=0.1 * np.max(np.diag(matrix)))
    np.testing.assert_allclose(product, matrix @ np.sin(np.arange(len(matrix))), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(value, expected_value, rtol=1e-5)  # the loss and the accuracy
    assert [block.names for block in blocks] == [("model/w",), ("loss/b",), ("loss/table",)]
