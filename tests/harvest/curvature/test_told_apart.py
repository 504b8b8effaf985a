"""An objective is told apart into a model and the curvature of its loss, or refused by name."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.harvest.curvature import curvature_diagonal, fisher_product, gauss_newton_product
from backprop_jax.losses import LinearCrossEntropy
from backprop_jax.models import BertPreTrainingLoss, LanguageModel, LanguageModelLoss
from backprop_jax.models.bert import Bert
from backprop_jax.models.bert_parts import FirstStep, TokenTypes
from backprop_jax.models.bert_pretraining import BertPreTraining

TOKENS = np.array([[0, 3, 2], [4, 1, 1]])
TARGET = np.array([[1, 1, 3], [2, 0, 4]])


def test_bert_has_the_curvature_of_both_predictions() -> None:
    reader = Bert(bp.Embedding(5, 3), TokenTypes(2))
    model = BertPreTraining(reader, bp.Dense(3), bp.chain(FirstStep(), bp.Tanh()), bp.Dense(2))
    objective = BertPreTrainingLoss(model, LinearCrossEntropy(5, use_bias=True, ignore_index=-1))
    inputs, label = bp.models.BertInput(TOKENS), np.array([0, 1])
    places = np.array([[0, 2], [1, 0]])
    batch = inputs, bp.data.HiddenWords(places, np.array([[1, 4], [3, -1]])), label
    counts = np.array([[1, 1], [1, 0]]) / 3  # of the hidden words

    @jax.jit
    def run(key: jax.Array) -> tuple[jax.Array, ...]:
        params, state = model.init(key, inputs)
        flat, unravel = ravel_pytree(params)

        def predictions(flat: jax.Array) -> tuple[jax.Array, jax.Array]:
            words, follows = model.forward(unravel(flat), state, inputs)[0]
            return jnp.take_along_axis(words, places[..., None], 1), follows[:, None]

        matrix = 0
        shares = counts, np.full((2, 1), 0.5)
        for z, jacobian, share in zip(predictions(flat), jax.jacobian(predictions)(flat), shares, strict=True):
            p = jax.nn.softmax(z)
            hessian = jax.vmap(jax.vmap(jnp.diag))(p) - p[..., None] * p[..., None, :]
            matrix += jnp.einsum("btvp,bt,btvw,btwq->pq", jacobian, share, hessian, jacobian)
        vector = jax.random.normal(key, flat.shape)
        product = fisher_product(objective)(params, state, batch)(unravel(vector))
        _, exact = curvature_diagonal(objective, "exact")(params, state, batch)
        _, sampled = curvature_diagonal(objective, samples=500)(params, state, batch, key)
        return (jnp.diag(matrix), matrix @ vector, *(ravel_pytree(tree)[0] for tree in (exact, product, sampled)))

    diagonal, expected, exact, product, sampled = run(jax.random.key(0))
    np.testing.assert_allclose(exact, diagonal, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(product, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(np.sum(sampled), np.sum(diagonal), rtol=0.1)


@dataclass(frozen=True)
class Closed(bp.Layer):
    """A layer that nothing within is seen of."""

    layer: bp.Layer

    def forward(self, params: Any, state: Any, x: Any) -> tuple[Any, Any, Any]:
        return self.layer.forward(params, state, x)

    def backward(self, params: Any, residuals: Any, dy: Any) -> tuple[Any, Any]:
        return self.layer.backward(params, residuals, dy)


def test_what_has_no_such_curvature_is_refused_by_name() -> None:
    loss = LinearCrossEntropy(5, z_loss=1e-4)
    objective = LanguageModelLoss(LanguageModel(bp.Embedding(5, 3), bp.Tanh()), loss)
    with pytest.raises(ValueError, match=r"curvature_diagonal with how='sampled' knows no curvature of z_loss"):
        curvature_diagonal(objective)
    plain = dataclasses.replace(loss, z_loss=0.0)
    curvature_diagonal(dataclasses.replace(objective, loss=plain))
    params, batch = {"table": np.ones((5, 2), np.float32)}, (np.ones((2, 3, 2), np.float32), TARGET)
    model = BertPreTraining(Bert(bp.Embedding(5, 3), TokenTypes(2)), bp.Dense(3), bp.Tanh(), bp.Dense(2))
    with_bias = LinearCrossEntropy(5, use_bias=True)
    with pytest.raises(ValueError, match=r"needs BertPreTrainingLoss itself.*wrap its model instead"):
        curvature_diagonal(bp.cast(BertPreTrainingLoss(model, with_bias), jnp.bfloat16))
    with pytest.raises(ValueError, match=r"needs LinearCrossEntropy.* to be what the objective ends with.*Closed"):
        jax.eval_shape(lambda params: fisher_product(Closed(plain))(params, (), batch)(params), params)
    with pytest.raises(ValueError, match=r"gauss_newton_product needs an objective supervised\(model, loss\).*Dense"):
        gauss_newton_product(bp.Dense(3))
