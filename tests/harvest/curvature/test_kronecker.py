"""Kronecker factors are the second moments of what enters a weight and of the cotangents behind it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.curvature import Diagonal, Kronecker, kronecker_factors, kronecker_layout
from backprop_jax.losses import CrossEntropy, MeanSquaredError
from tests.harvest.curvature.tiny import CLASSES, NUMBERS, PARAMS, X, dense, mlp

STATE: Any = ((), (), ())
# Of BackPACK 1.7.1's KFLR in float32, for CrossEntropy on X, CLASSES and PARAMS.
BACKPACK: Any = [
    (
        [
            [1.3521334, 0.4511334, -1.1190666, -0.053],
            [0.4511334, 0.7347, 0.1040667, -0.4711],
            [-1.1190666, 0.1040667, 1.7574668, -0.3382],
            [-0.053, -0.4711, -0.3382, 0.3543],
        ],
        [[0.0611799, 0.005588, -0.0415165], [0.005588, 0.0751675, -0.0157549], [-0.0415165, -0.0157549, 0.0333164]],
    ),
    (
        [[0.2870014, -0.2781138, 0.1030295], [-0.2781138, 0.335271, -0.0851328], [0.1030295, -0.0851328, 0.0490777]],
        [[0.1897018, -0.0882993, -0.1014025], [-0.0882993, 0.2197946, -0.1314953], [-0.1014025, -0.1314953, 0.2328977]],
    ),
]


def test_of_one_example_is_the_gauss_newton_block() -> None:
    objective, batch = bp.supervised(mlp(), CrossEntropy()), (X[:1], CLASSES[:1])
    matrix = dense(objective, PARAMS, STATE, batch).gauss_newton
    _, (first, last) = jax.jit(kronecker_factors(objective, "exact"))(PARAMS, STATE, batch)
    assert (first.names, last.names) == (("0/w", "0/b"), ("2/w", "2/b"))
    # ravel_pytree lays out b before w; a bias is the last row of the matrix.
    order = np.concatenate([np.arange(9, 12), np.arange(0, 9)]) + 15
    np.testing.assert_allclose(np.kron(last.a, last.g), _of_weight_then_bias(matrix, order), atol=1e-6)
    order = np.concatenate([np.arange(12, 15), np.arange(0, 12)])
    np.testing.assert_allclose(np.kron(first.a, first.g), _of_weight_then_bias(matrix, order), atol=1e-6)


def _of_weight_then_bias(matrix: jax.Array, place: np.ndarray) -> np.ndarray:
    """The rows and columns of the parameters b, w, in the order w, b: `place` tells where each one goes."""
    order = np.argsort(place) + place.min()
    return np.asarray(matrix)[np.ix_(order, order)]


def test_are_those_of_backpack() -> None:
    objective = bp.supervised(mlp(), CrossEntropy())
    _, found = jax.jit(kronecker_factors(objective, "exact"))(PARAMS, STATE, (X, CLASSES))
    for block, (a, g) in zip(found, BACKPACK, strict=True):
        np.testing.assert_allclose(block.a[:-1, :-1], a, rtol=2e-4, atol=1e-6)
        np.testing.assert_allclose(block.g, g, rtol=2e-4, atol=1e-6)


def test_of_the_data_and_of_samples() -> None:
    objective, batch = bp.supervised(mlp(), MeanSquaredError()), (X, NUMBERS)

    @jax.jit
    def three(key: jax.Array) -> list[Any]:
        cases = ("empirical", 1), ("exact", 1), ("sampled", 3000)
        return [kronecker_factors(objective, how, count)(PARAMS, STATE, batch, key)[1] for how, count in cases]

    (_, last), exact, sampled = three(jax.random.key(0))
    hidden = np.tanh(X @ PARAMS[0]["w"] + PARAMS[0]["b"])
    rows = np.concatenate([hidden, np.ones((3, 1))], 1)
    slopes = 2 / 3 * (hidden @ PARAMS[2]["w"] + PARAMS[2]["b"] - NUMBERS)  # of each example's own mean over 3 numbers
    np.testing.assert_allclose(last.a, rows.T @ rows / 3, rtol=1e-5)
    np.testing.assert_allclose(last.g, slopes.T @ slopes / 3, rtol=1e-5)
    for block, expected in zip(sampled, exact, strict=True):
        np.testing.assert_allclose(block.a, expected.a, rtol=1e-5)
        np.testing.assert_allclose(block.g, expected.g, atol=0.08 * np.max(expected.g))


def test_sequences_scans_norms_and_tables() -> None:
    """A step of a sequence counts as an example; what has no factors has a diagonal, or is refused by name."""
    model = bp.chain(bp.Embedding(5, 2), bp.scan(bp.skip(bp.chain(bp.RMSNorm(), bp.Dense(2, use_bias=False))), 3))
    objective = bp.supervised(bp.chain(body=model, head=bp.Dense(4)), CrossEntropy())
    batch = np.array([[0, 3, 3], [4, 1, 4]]), np.array([[1, 0, 1], [0, 3, 1]])

    @jax.jit
    def run(key: jax.Array) -> tuple[Any, ...]:
        params, state = objective.init(key, batch)
        hidden = objective.layer.forward(params, state, batch[0])[2]
        return kronecker_factors(objective)(params, state, batch, key)[1], hidden

    blocks, residuals = run(jax.random.key(0))
    assert [(type(block), block.names) for block in blocks] == [
        (Kronecker, ("body/1/1/w",)),
        (Kronecker, ("head/w", "head/b")),
        (Diagonal, ("body/0/table",)),
        (Diagonal, ("body/1/0/scale",)),
    ]
    assert blocks[0].a.shape == blocks[0].g.shape == (3, 2, 2) and blocks[3].d.shape == (3, 2)
    x = np.asarray(residuals["head"]).reshape(6, 2)
    np.testing.assert_allclose(blocks[1].a[:2, :2], x.T @ x / 6, rtol=1e-5)
    layout = kronecker_layout(objective, batch)
    assert jax.tree.map(lambda leaf: leaf.shape, layout) == jax.tree.map(lambda leaf: leaf.shape, blocks)
    with pytest.raises(ValueError, match="no Kronecker factors for body/0/table, body/1/0/scale: others='diagonal'"):
        kronecker_layout(objective, batch, others="refuse")
    with pytest.raises(ValueError, match="others of 'diagonal' or 'refuse', not 'ignore'"):
        kronecker_factors(objective, others="ignore")


def test_of_a_convolution_are_those_of_its_patches() -> None:
    objective, random = bp.supervised(bp.Conv(3, (2, 2), padding="VALID"), MeanSquaredError()), np.random.default_rng(0)
    x, target = (random.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 4, 2), (2, 2, 3, 3)))

    @jax.jit
    def run(key: jax.Array) -> Any:
        params, state = objective.init(key, (x, target))
        return params, kronecker_factors(objective, "empirical")(params, state, (x, target))[1]

    params, (block,) = run(jax.random.key(0))
    places = [(i, j) for i in range(2) for j in range(3)]
    patches = np.stack([x[:, i : i + 2, j : j + 2].reshape(2, -1) for i, j in places], 1)
    rows = np.concatenate([patches, np.ones((2, 6, 1))], -1).reshape(12, 9)
    prediction = patches @ np.asarray(params["w"]).reshape(8, 3) + params["b"]
    slopes = 2 / 18 * (prediction - target.reshape(2, 6, 3)).reshape(12, 3)
    np.testing.assert_allclose(block.a, rows.T @ rows / 12, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(block.g, slopes.T @ slopes / 2, rtol=1e-4, atol=1e-6)


def test_of_an_lstm_are_those_of_its_inputs() -> None:
    objective = bp.supervised(bp.chain(bp.recurrent(bp.LSTMCell(2)), bp.Dense(2)), MeanSquaredError())
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    batch = x, np.ones((2, 3, 2), np.float32)

    @jax.jit
    def run(key: jax.Array) -> Any:
        return kronecker_factors(objective)(*objective.init(key, batch), batch, key)[1]

    blocks = {block.names: block for block in run(jax.random.key(0))}
    assert set(blocks) == {("0/w", "0/b"), ("0/u",), ("1/w", "1/b")}
    rows = np.concatenate([x, np.ones((2, 3, 1))], -1).reshape(6, 5)
    np.testing.assert_allclose(blocks["0/w", "0/b"].a, rows.T @ rows / 6, rtol=1e-5, atol=1e-6)
    # The last carry goes nowhere, so both see the same cotangents behind them.
    np.testing.assert_allclose(blocks["0/w", "0/b"].g, blocks["0/u",].g, rtol=1e-5)


def test_every_parameter_of_a_model_has_one_block() -> None:
    """Of models of all kinds, by one call; nothing is computed."""
    tokens, images = np.arange(12).reshape(2, 6), np.zeros((2, 32, 32, 3), np.float32)
    padded = bp.Padded(jnp.asarray(tokens), jnp.array([6, 3]))
    gpt = bp.models.gpt(12, 8, 8, 2, 2)
    cases = {
        "lenet": (bp.models.lenet(), images, 5),
        "cifar_resnet": (bp.eval_mode(bp.models.cifar_resnet(8)), images, 8),
        "sequence_tagger": (bp.models.sequence_tagger(12, 3, 4, 8), padded, 5),
        "gpt": (gpt, tokens, 4),
        "tied": (bp.models.LanguageModelLoss(gpt, bp.losses.LinearCrossEntropy(12)), (tokens, tokens), 4),
    }
    for name, (model, x, factored) in cases.items():
        blocks = kronecker_layout(model, x)
        params, _ = jax.eval_shape(model.init, jax.random.key(0), x)
        leaves = jax.tree_util.tree_leaves_with_path(params)
        paths = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves]
        assert sorted(path for block in blocks for path in block.names) == sorted(paths), name
        assert sum(isinstance(block, Kronecker) for block in blocks) == factored, name
