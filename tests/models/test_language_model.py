import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import LanguageModel, LanguageModelLoss
from tests.catalogue import ids, normal

MODEL = LanguageModel(bp.Embedding(7, 3), bp.chain(bp.first(bp.Dense(3)), bp.first(bp.Tanh())))
TOKENS, TARGETS = ids(2, 5, below=7), np.array([[1, 2, -1, 0, 6], [-1, 3, 3, 3, 5]], np.int32)


def test_logits_are_products_with_the_table() -> None:
    params, state = MODEL.init(jax.random.key(0), TOKENS)
    table, dense = params["embedding"]["table"], params["body"][0]
    hidden = np.tanh(table[TOKENS] @ dense["w"] + dense["b"])
    np.testing.assert_allclose(MODEL.forward(params, state, TOKENS)[0], hidden @ table.T, atol=1e-5)


@pytest.mark.parametrize("weights", [(), (normal(2, 5) ** 2,)], ids=["alike", "weighted"])
def test_loss_is_that_of_the_logits(weights: tuple[np.ndarray, ...]) -> None:
    """Gradients too, by jax.grad of the logits' loss: the table's by both of its uses."""
    objective = LanguageModelLoss(MODEL, bp.losses.LinearCrossEntropy(7, ignore_index=-1))
    params, state = objective.init(jax.random.key(0), (TOKENS, TARGETS))

    def by_logits(params: dict) -> jax.Array:
        rows = jax.nn.log_softmax(MODEL.forward(params, state, TOKENS)[0])
        terms = -jnp.take_along_axis(rows, jnp.maximum(TARGETS, 0)[..., None], -1)[..., 0]
        counts = (TARGETS >= 0) * (weights[0] if weights else 1.0)
        return jnp.sum(counts * terms) / jnp.sum(counts)

    y, _, residuals = objective.forward(params, state, (TOKENS, TARGETS, *weights))
    dparams, dx = objective.backward(params, residuals, jnp.float32(2))
    expected, gradient = jax.value_and_grad(by_logits)(params)
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    jax.tree.map(lambda ours, theirs: np.testing.assert_allclose(ours, 2 * theirs, atol=2e-6), dparams, gradient)
    assert jax.tree.leaves(dx) == []


def test_laws_of_the_model() -> None:
    bp.testing.check_layer(MODEL, bp.Packed(TOKENS, np.array([[1, 1, 2, 2, 0], [1] * 5])))


def test_laws_of_the_loss() -> None:
    objective = LanguageModelLoss(MODEL, bp.losses.LinearCrossEntropy(7, ignore_index=-1))
    bp.testing.check_layer(objective, (TOKENS, TARGETS))


def test_tokens_and_targets_come_in_a_tuple() -> None:
    objective = LanguageModelLoss(MODEL, bp.losses.LinearCrossEntropy(7))
    with pytest.raises(ValueError, match=r"needs a tuple, not a ndarray\[2, 5\]"):
        objective.init(jax.random.key(0), TOKENS)


def test_under_a_body_that_is_constant_the_table_is_trained_all_the_same() -> None:
    model = bp.models.LanguageModel(bp.Embedding(7, 4), bp.stop_gradient(bp.Dense(4)))
    bp.testing.check_layer(model, TOKENS, residual_bytes=10**4, smooth=False)


def test_the_accuracy_alone_has_no_gradient() -> None:
    objective = LanguageModelLoss(MODEL, bp.losses.LinearCrossEntropy(7, accuracy=True, ignore_index=-1))
    params, state = objective.init(jax.random.key(0), (TOKENS, TARGETS))
    _, _, residuals = objective.forward(params, state, (TOKENS, TARGETS))
    assert jax.tree.leaves(objective.backward(params, residuals, (None, jnp.float32(1)))) == []


@pytest.mark.parametrize("loss", [bp.losses.LinearCrossEntropy(7, use_bias=True), bp.losses.LinearCrossEntropy(8)])
def test_a_loss_that_is_not_of_the_table(loss: bp.Layer) -> None:
    with pytest.raises(ValueError, match="table of 7 rows"):
        LanguageModelLoss(MODEL, loss)
