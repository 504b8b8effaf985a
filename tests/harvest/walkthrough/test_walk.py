"""What is told of each layer is what flows through it, in models of every kind."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import Explanation


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def a_third_too_small(layer, params, residuals, dy):
    dparams, dx = layer.backward(params, residuals, dy)
    return {"w": dparams["w"], "b": 2 / 3 * dparams["b"]}, dx


@cache
def by_hand() -> tuple[Explanation, list[np.ndarray], list[np.ndarray], tuple]:
    """An explanation, and the outputs of its layers and their cotangents in NumPy."""
    wrong = bp.with_backward(bp.Dense(3), a_third_too_small)
    model = bp.chain(
        a=bp.Dense(4), z=bp.ReLU(), blocks=bp.scan(bp.Dense(4), 2), c=wrong, d=bp.from_function(lambda y: 2 * y)
    )
    objective = bp.supervised(model, losses.MeanSquaredError())
    batch = draw(5, 6), draw(5, 3)
    params, state = objective.init(jax.random.key(0), batch)
    found = bp.explain(objective, params, state, batch)

    p = jax.tree.map(np.asarray, params)
    a = batch[0] @ p["a"]["w"] + p["a"]["b"]
    blocks = [np.maximum(a, 0)]
    for step in range(2):
        blocks.append(blocks[-1] @ p["blocks"]["w"][step] + p["blocks"]["b"][step])
    c = blocks[2] @ p["c"]["w"] + p["c"]["b"]
    dd = 2 * (2 * c - batch[1]) / c.size
    dc = 2 * dd
    d2 = dc @ p["c"]["w"].T
    d1 = d2 @ p["blocks"]["w"][1].T
    dz = d1 @ p["blocks"]["w"][0].T
    return found, [a, *blocks, c, 2 * c], [dz * (a > 0), dz, d1, d2, dc, dd], (batch[0], p)


def test_norms_and_shapes_worked_out_by_hand() -> None:
    found, y, dy, (x, params) = by_hand()
    assert [layer.path for layer in found.layers] == ["a", "z", "blocks", "c", "d"]  # not as the alphabet has it
    norm = lambda parts: [np.linalg.norm(part) for part in parts]
    for told, arrays in (("activation", y), ("cotangent", dy)):
        numbers = [np.ravel(getattr(layer, told).norm) for layer in found.layers]
        np.testing.assert_allclose(np.concatenate(numbers), norm(arrays), 1e-5)
    a, _, blocks, c, _ = found.layers
    slope = lambda x, dy: np.linalg.norm(np.concatenate([(x.T @ dy).ravel(), dy.sum(0)]))
    assert a.gradient_norm == pytest.approx(slope(x, dy[0]), rel=1e-5)
    assert blocks.gradient_norm == pytest.approx([slope(y[1], dy[2]), slope(y[2], dy[3])], rel=1e-5)
    w, b = sorted(blocks.parameters, key=lambda own: own.path, reverse=True)
    assert (w.path, w.shape, b.shape) == ("blocks/w", (2, 4, 4), (2, 4))
    np.testing.assert_allclose(w.norm, norm(params["blocks"]["w"]), 1e-5)
    np.testing.assert_allclose(found.value, np.mean((y[-1] - draw(5, 3)) ** 2), 1e-5)
    assert c.output.shape == (5, 3) and a.residual_bytes == 5 * 6 * 4 and blocks.residual_bytes == 5 * 4 * 4


def test_a_wrong_rule_is_found_where_it_is() -> None:
    found, *_ = by_hand()
    off = {own.path: own.from_jax_grad for layer in found.layers for own in layer.parameters}
    assert off.pop("c/b") == pytest.approx(1 / 3) == found.from_jax_grad
    assert all(value is not None and value < 1e-12 for value in off.values())
    table = {line.split()[0]: line.split() for line in str(found).splitlines()}
    assert table["c"][-1] == "3e-01" and ".." in table["blocks"][-2]
    assert table["total"][-1] == "3e-01" and table["total"][1] == str(4 * 7 + 2 * 20 + 15)


TOKENS = np.arange(12).reshape(2, 6)
BODY = bp.scan(bp.skip(bp.chain(norm=bp.LayerNorm(), project=bp.Dense(4), act=bp.Tanh())), 3)
TIED = bp.models.LanguageModelLoss(bp.models.LanguageModel(bp.Embedding(12, 4), BODY), losses.LinearCrossEntropy(12))


SENTENCES = bp.Padded(jnp.asarray(TOKENS), jnp.array([6, 3]))
BOTH_WAYS = bp.chain(bp.first(bp.Embedding(12, 4)), bp.bidirectional(bp.recurrent(bp.GRUCell(3))), bp.MeanSteps())


@pytest.mark.parametrize("name", ["both_ways", "tied"])
def test_all_of_a_model_is_told(name: str) -> None:
    """Recurrent, both ways, of sentences of several lengths; a tied table around a scan."""
    model, x = (TIED, (TOKENS, TOKENS)) if name == "tied" else (BOTH_WAYS, SENTENCES)
    objective = model if name == "tied" else bp.chain(model=model, loss=bp.from_function(jnp.sum))
    params, state = jax.jit(objective.init)(jax.random.key(0), x)
    found = bp.explain(objective, params, state, x)
    paths = [own.path for layer in found.layers for own in layer.parameters]
    leaves = jax.tree_util.tree_leaves_with_path(params)
    assert sorted(paths) == sorted(jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves)
    assert found.from_jax_grad is not None and found.from_jax_grad < 1e-9
    assert found.residual_bytes == bp.residual_bytes(objective, x)
    assert all(layer.output is not None for layer in found.layers)
    squares = sum(np.sum(layer.gradient_norm**2) for layer in found.layers if layer.gradient_norm is not None)
    np.testing.assert_allclose(found.gradient_norm**2, squares, 1e-6)


def test_refuse_what_has_no_gradient() -> None:
    batch = draw(2, 3)
    params, state = bp.Dense(2).init(jax.random.key(0), jnp.asarray(batch))
    with pytest.raises(ValueError, match="needs a floating point scalar"):
        bp.explain(bp.Dense(2), params, state, batch)
    with pytest.raises(TypeError, match="explain takes layers"):
        bp.explain(jnp.sin, params, state, batch)  # type: ignore[arg-type]
