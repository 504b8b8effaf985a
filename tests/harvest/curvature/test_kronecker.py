"""Kronecker factors are the second moments of what enters a weight and of the cotangents behind it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

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


def test_asks_for_exact_products() -> None:
    """Of both factors of both weights: an accelerator would round what is to be inverted."""
    run = kronecker_factors(bp.supervised(mlp(), CrossEntropy()), "empirical")
    program = jax.make_jaxpr(lambda params: run(params, STATE, (X, CLASSES))[1])(PARAMS)
    assert str(program).count("precision=(Precision.HIGHEST") == 4


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


def test_of_many_inputs_are_their_moments_too() -> None:
    """So many that they are made in blocks, the last of them narrower."""
    objective, random = bp.supervised(bp.Dense(1, use_bias=False), MeanSquaredError()), np.random.default_rng(0)
    x = random.standard_normal((2, 1030)).astype(np.float32)
    batch = x, np.ones((2, 1), np.float32)
    [block] = jax.jit(kronecker_factors(objective, "exact"))({"w": jnp.ones((1030, 1))}, (), batch)[1]
    np.testing.assert_allclose(block.a, x.T @ x / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (bp.Conv(4, (2,), padding="VALID", feature_group_count=2), (1, 2, 6)),
        (bp.Conv(6, (2, 1), padding="VALID", feature_group_count=3), (1, 2, 1, 3)),  # depthwise
        (bp.ConvTranspose(3, (2,), strides=3, padding="VALID"), (1, 1, 2)),
        (bp.ConvTranspose(4, (2, 1), strides=2, padding="VALID", feature_group_count=2), (1, 1, 1, 6)),
    ],
    ids=str,
)
def test_of_groups_and_transposed_at_a_single_place_are_the_gauss_newton_blocks(
    layer: bp.Layer, shape: tuple[int, ...]
) -> None:
    objective, random = bp.supervised(layer, MeanSquaredError()), np.random.default_rng(0)
    x = random.standard_normal(shape).astype(np.float32)
    params, state = layer.init(jax.random.key(0), x)
    batch = x, np.zeros(jax.eval_shape(layer.forward, params, state, x)[0].shape, np.float32)
    matrix = np.asarray(dense(objective, params, state, batch).gauss_newton)
    block, *others = jax.jit(kronecker_factors(objective, "exact"))(params, state, batch)[1]
    flat, unravel = ravel_pytree(params)
    places = jax.tree.map(lambda leaf: leaf.astype(int), unravel(jnp.arange(float(flat.size))))
    lead, features = block.g.shape[:-2], block.g.shape[-1]
    numbers = block.as_matrix.into(places["w"], lead, features)
    np.testing.assert_array_equal(block.as_matrix.back(numbers, places["w"].shape), places["w"])
    if len(block.names) == 2:
        numbers = jnp.concatenate([numbers, places["b"].reshape(*lead, 1, features)], -2)
    assert [other.names for other in others] == ([] if len(block.names) == 2 else [("b",)])
    groups = (np.asarray(array).reshape(-1, *array.shape[-2:]) for array in (block.a, block.g, numbers))
    for a, g, own in zip(*groups, strict=True):
        np.testing.assert_allclose(np.kron(a, g), matrix[np.ix_(own.ravel(), own.ravel())], rtol=1e-4, atol=1e-6)


def test_of_an_lstm_and_of_attention_are_those_of_what_is_added_behind_their_weights() -> None:
    """As kfac-jax finds the cotangents there, by jax.grad of nets written down anew."""
    lstm = bp.recurrent(bp.LSTMCell(2))
    attend = bp.chain(bp.Dense(12), bp.SelfAttention(2), bp.Dense(2))
    x, target = np.random.default_rng(0).standard_normal((2, 2, 3, 4)).astype(np.float32)
    batch = x, target[..., :2]

    def by_lstm(params: Any, added: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        h = c = jnp.zeros((2, 2))
        before, outputs = [], []
        for t in range(3):
            before.append(h)
            z = x[:, t] @ params["w"] + h @ params["u"] + params["b"] + added[0][:, t]
            i, f, g, o = jnp.split(z, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            outputs.append(h)
        return jnp.stack(outputs, 1), [x, jnp.stack(before, 1)]

    def by_attention(params: Any, added: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        qkv = x @ params[0]["w"] + params[0]["b"] + added[0]
        q, k, v = (part.reshape(2, 3, 2, 2) for part in jnp.split(qkv, 3, -1))
        weights = jax.nn.softmax(jnp.einsum("bthk,bshk->bhts", q, k) / 2**0.5, -1)
        mixed = jnp.einsum("bhts,bshk->bthk", weights, v).reshape(2, 3, 4)
        return mixed @ params[2]["w"] + params[2]["b"] + added[1], [x, mixed]

    def expected(twin: Any, params: Any, added: list[jax.Array]) -> list[tuple[jax.Array, jax.Array]]:
        def loss(added: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
            y, inputs = twin(params, added)
            return jnp.mean(jnp.square(y - batch[1])), inputs

        cotangents, inputs = jax.grad(loss, has_aux=True)(added)
        # An example's own loss has twice the share that it has in the mean of two.
        moments = [jnp.einsum("btf,btg->fg", dy, dy) * 4 / 2 for dy in cotangents * (1 + (len(added) == 1))]
        rows = [jnp.concatenate([part, jnp.ones((2, 3, 1))], -1).reshape(6, -1) for part in inputs]
        return [(part.T @ part / 6, g) for part, g in zip(rows, moments, strict=True)]

    @jax.jit
    def run(key: jax.Array) -> list[Any]:
        zeros, told = (lambda width: jnp.zeros((2, 3, width))), []
        for model, twin, added in ((lstm, by_lstm, [zeros(8)]), (attend, by_attention, [zeros(12), zeros(2)])):
            params, state = model.init(key, x)
            blocks = kronecker_factors(bp.supervised(model, MeanSquaredError()), "empirical")(params, state, batch)[1]
            told.append((blocks, expected(twin, params, added)))
        return told

    for blocks, pairs in run(jax.random.key(0)):
        own = sorted(blocks, key=lambda block: (len(block.names) == 1, block.names))
        assert [block.names for block in own] in ([("w", "b"), ("u",)], [("0/w", "0/b"), ("2/w", "2/b")])
        for block, (a, g) in zip(own, pairs, strict=True):
            size = len(block.a)
            np.testing.assert_allclose(block.a, a[:size, :size], rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(block.g, g, rtol=1e-4, atol=1e-6)
