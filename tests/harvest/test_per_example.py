"""The gradients of single examples are those that jax.grad gives of each example alone, for every layer and model."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.combinators.recurrent import Recurrent
from backprop_jax.core.cotangents import instantiate, is_differentiable
from backprop_jax.core.rewrite import layers_of
from backprop_jax.harvest import each_gradient, example_gradients, per_example, square_norms, weighted_sum
from tests.catalogue import COMBINATORS, LAYERS, Row, StepByStep, ids, normal
from tests.catalogue.recurrent import LENGTHS
from tests.some_models import SOME_MODELS
from tests.test_catalogue import MODELS


def _batched(row: Row) -> bool:
    """Whether the first axis of all that goes in and comes out is that of several examples."""
    if any(
        np.ndim(leaf) < 2 and jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in jax.tree.leaves(row.x)
    ):
        return False  # a lone vector
    params, state = jax.eval_shape(row.layer.init, jax.random.key(0), row.x)
    y, _, _ = jax.eval_shape(bp.eval_mode(row.layer).forward, params, state, row.x)
    sizes = {leaf.shape[:1] for leaf in jax.tree.leaves((row.x, y))}
    return len(sizes) == 1 and sizes.pop() > (1,)


def _has_params(layer: bp.Layer, x: Any) -> bool:
    return bool(jax.tree.leaves(jax.eval_shape(layer.init, jax.random.key(0), x)[0]))


both_ways = bp.bidirectional(bp.recurrent(bp.RNNCell(2), carry="input"))
sequences: Any = normal(3, 3, 2), LENGTHS
ROWS = [row for row in (*LAYERS, *COMBINATORS) if _has_params(row.layer, row.x) and _batched(row)]
MORE = [
    Row("Conv", bp.Conv(5, (3, 3), padding="CIRCULAR", feature_group_count=5), normal(3, 5, 6, 5)),
    Row("Conv", bp.Conv(40, (3, 3)), normal(3, 3, 3, 33)),  # so few places that the norms are made of pairs of them
    Row("ConvTranspose", bp.ConvTranspose(40, (3, 3), feature_group_count=2), normal(3, 2, 3, 32)),
    Row("recurrent", bp.recurrent(bp.LSTMCell(2)), normal(2, 0, 3)),
    Row("recurrent", bp.scan(bp.recurrent(bp.GRUCell(3)), 2), normal(2, 4, 3)),
    Row("bidirectional", both_ways, (bp.Padded(*sequences), (normal(3, 2), normal(3, 2)))),
]


@pytest.mark.parametrize("row", [*ROWS, *MORE], ids=str)
def test_layers(row: Row) -> None:
    _compare(bp.eval_mode(row.layer), row.x)


DEEP = "mobilenet", "resnet18", "resnet34", "resnet50"  # of layers that others have too, and slow to compile


@pytest.mark.parametrize("name", [name for name in SOME_MODELS if not name.endswith("Loss") and name not in DEEP])
def test_models(name: str) -> None:
    model, x = MODELS[name]
    # Two examples; and the least vocabulary has 9 words.
    _compare(bp.eval_mode(model), jax.tree.map(lambda leaf: leaf[:2] if leaf.dtype == np.float32 else leaf[:2] % 9, x))


@pytest.mark.parametrize("name", [name for name in SOME_MODELS if name in DEEP])
def test_deep_models(name: str) -> None:
    model, x = MODELS[name]
    layer = per_example(bp.eval_mode(model))

    def each(x: Any) -> Any:
        params, state = model.init(jax.random.key(0), x)
        y, _, residuals = layer.forward(params, state, x)
        return params, each_gradient(layer.backward(params, residuals, y)[0])

    params, gradients = jax.eval_shape(each, x)
    shapes = [leaf.shape for leaf in jax.tree.leaves(params)]
    assert [leaf.shape for leaf in jax.tree.leaves(gradients)] == [(len(x), *shape) for shape in shapes]


LOSS = losses.LinearCrossEntropy
WEIGHED = LOSS(7, True, 0.1, 1, z_loss=0.01, logit_softcap=2.0, accuracy=True, chunk_size=6)
MANY, FEW = (normal(4, 5, 3), ids(4, 5, below=7), np.abs(normal(4, 5))), (normal(4, 2, 8), ids(4, 2, below=7))
HIDDEN = np.array([[1, -1, 3, -1, -1, 2], [-1, 4, -1, -1, -1, -1]])  # another number of them in each text
OBJECTIVES = {name: MODELS[name] for name in MODELS if name.endswith("Loss")}
words, (texts, _, label) = OBJECTIVES["BertPreTrainingLoss"]
OBJECTIVES |= {
    "BertPreTrainingLoss": (words, (texts, HIDDEN, label)),
    "few classes": (WEIGHED, MANY),  # more steps than classes: the norms are those of products
    "many classes": (LOSS(7, chunk_size=3), FEW),
    "each token": (LOSS(7, reduction="none"), FEW),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives(name: str) -> None:
    objective, batch = OBJECTIVES[name]
    objective = bp.eval_mode(objective)
    params, state = objective.init(jax.random.key(0), batch)
    examples = len(jax.tree.leaves(batch)[0])

    def loss(params: Any, state: Any, example: Any) -> jax.Array:
        value, _, _ = objective.forward(params, state, jax.tree.map(lambda leaf: leaf[None], example))
        return jnp.sum(jax.tree.leaves(value)[0])

    def both(params: Any, state: Any, batch: Any) -> Any:
        gradients = _gradients(objective, params, state, batch)
        return _told(gradients, normal(examples)), jax.vmap(jax.grad(loss), (None, None, 0))(params, state, batch)

    told, expected = jax.jit(both)(params, state, batch)
    _assert_told(told, expected, params, rtol=1e-3, atol=1e-5)


def _gradients(objective: bp.Layer, params: Any, state: Any, batch: Any) -> Any:
    if not getattr(objective, "accuracy", False):
        return example_gradients(objective)(params, state, batch)[1]
    # Of two outputs the accuracy has no cotangent.
    layer = per_example(objective)
    (value, _), _, residuals = layer.forward(params, state, batch)
    return layer.backward(params, residuals, (jnp.asarray(len(batch[0]), value.dtype), None))[0]


def test_gpt_with_dropout() -> None:
    # An example alone would draw otherwise, so that its gradient is not told; their sum is.
    _, batch = OBJECTIVES["LanguageModelLoss"]
    objective = bp.models.LanguageModelLoss(bp.models.gpt(12, 8, 8, 2, 2, rate=0.3), LOSS(12))
    params, state = objective.init(jax.random.key(0), batch)

    def both(params: Any, state: Any, batch: Any) -> Any:
        gradients = _gradients(objective, params, state, batch)
        told = _told(gradients, jnp.full(2, 0.5))
        return told, bp.value_and_grad(objective)(params, state, batch)[1]

    (each, norms, mean), expected = jax.jit(both)(params, state, batch)
    for found, right in zip(jax.tree.leaves(mean), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norms, np.sum(_rows(each, 2) ** 2, 1), rtol=1e-4)


def test_refuses_what_it_cannot_tell() -> None:
    with pytest.raises(ValueError, match=r"BatchNorm.*'1'.*whole batch.*eval_mode"):
        per_example(bp.chain(bp.Dense(3), bp.BatchNorm()))
    with pytest.raises(ValueError, match=r"StepByStep.*state of all examples.*carry='input'"):
        per_example(bp.recurrent(StepByStep(bp.GRUCell(2)), carry="state"))


def _compare(layer: bp.Layer, x: Any) -> None:
    """Of <y, dy>: what is told of the gradients, and dx, against those of one example alone, by jax.grad."""
    params, state = layer.init(jax.random.key(0), x)
    params = jax.tree.map(lambda leaf: leaf + 0.1 * normal(*leaf.shape).astype(leaf.dtype), params)
    # Of what goes on from call to call each example has its own.
    carried = any(part.carry == "state" for part in layers_of(layer, Recurrent))
    axes = jax.tree.map(lambda leaf: 0 if carried and is_differentiable(leaf) else None, state)
    examples, harvest = len(jax.tree.leaves(x)[0]), per_example(layer)

    def both(params: Any, state: Any, x: Any) -> Any:
        y, _, residuals = harvest.forward(params, state, x)
        dy = jax.tree.map(lambda leaf: _like(leaf) if is_differentiable(leaf) else None, y)
        gradients, dx = harvest.backward(params, residuals, dy)

        def alone(x: Any, dy: Any, state: Any) -> Any:
            x, dy = jax.tree.map(lambda leaf: leaf[None], (x, dy))
            state = jax.tree.map(lambda leaf: leaf[None] if carried and is_differentiable(leaf) else leaf, state)

            def product(params: Any, x: Any) -> Any:
                y, _, _ = layer.forward(params, state, x)
                floats = filter(is_differentiable, jax.tree.leaves(y))
                return sum(jnp.vdot(a, b) for a, b in zip(floats, jax.tree.leaves(dy), strict=True))

            dparams, dx = jax.grad(product, (0, 1), allow_int=True)(params, x)
            return dparams, [leaf[0] for leaf in jax.tree.leaves(dx) if is_differentiable(leaf)]

        dx = [leaf for leaf in jax.tree.leaves(instantiate(dx, x)) if leaf is not None]
        return _told(gradients, normal(examples)), dx, jax.vmap(alone, (0, 0, axes))(x, dy, state)

    told, dx, (expected, expected_dx) = jax.jit(both)(params, state, x)
    rtol, atol = (0.05, 0.1) if "Cast" in repr(layer) else (2e-4, 2e-5)
    _assert_told(told, expected, params, rtol, atol)
    for found, right in zip(dx, expected_dx, strict=True):
        _assert_close(np.float32(found), np.float32(right), rtol, atol)


def _told(gradients: Any, weights: Any) -> tuple[Any, jax.Array, Any]:
    return each_gradient(gradients), square_norms(gradients), weighted_sum(gradients, weights)


def _assert_told(told: Any, expected: Any, params: Any, rtol: float, atol: float) -> None:
    each, norms, weighted = told
    examples = len(norms)
    rows = _rows(expected, examples)
    _assert_close(_rows(instantiate(each, expected), examples), rows, rtol, atol)
    _assert_close(norms, np.sum(rows**2, 1), rtol, atol)
    flat = [np.ravel(leaf) for leaf in jax.tree.leaves(instantiate(weighted, params))]
    _assert_close(np.concatenate(flat), normal(examples) @ rows, rtol, atol)


def _assert_close(found: Any, right: np.ndarray, rtol: float, atol: float) -> None:
    # A sum of large terms is as exact as these.
    np.testing.assert_allclose(found, right, rtol, atol * max(1, np.max(np.abs(right), initial=0)))


def _rows(each: Any, examples: int) -> np.ndarray:
    return np.concatenate([np.reshape(leaf, (examples, -1)) for leaf in jax.tree.leaves(each)], 1)


def _like(leaf: jax.Array) -> jax.Array:
    return jnp.asarray(normal(*leaf.shape), leaf.dtype)
