"""The hardest examples, against gradients of single examples by jax.grad."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import freeze, hardest_examples

B = 8
MODEL = bp.chain(bp.Dense(4), bp.Tanh(), bp.Dense(3))
OBJECTIVE = bp.supervised(MODEL, losses.CrossEntropy(reduction="none"))
RANDOM = np.random.default_rng(0)
BATCH = RANDOM.standard_normal((B, 6)).astype(np.float32), RANDOM.integers(0, 3, B)


@pytest.fixture(scope="module")
def begun():
    return OBJECTIVE.init(jax.random.key(0), BATCH)


@pytest.fixture(scope="module")
def alone(begun):
    """Each example's loss, and its gradient (B, P)."""
    params, state = begun

    def loss(params, x, target):
        return OBJECTIVE.forward(params, state, (x[None], target[None]))[0][0]

    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(loss), in_axes=(None, 0, 0)))(params, *BATCH)
    rows = np.concatenate([np.reshape(leaf, (B, -1)) for leaf in jax.tree.leaves(gradients)], 1)
    return np.asarray(values), rows.astype(np.float64)


def test_what_is_told_of_each_example_and_its_order(begun, alone) -> None:
    values, rows = alone
    others = np.stack([np.delete(rows, i, 0).mean(0) for i in range(B)])
    alignments = np.sum(rows * others, 1)
    orders: dict[Any, np.ndarray] = {"loss": -values, "norm": -np.linalg.norm(rows, axis=1), "alignment": alignments}
    for by, hardness in orders.items():
        ((value, _), gradient), found = jax.jit(hardest_examples(OBJECTIVE, by))(*begun, BATCH)
        np.testing.assert_array_equal(found.order, np.argsort(hardness))
        np.testing.assert_allclose(found.losses, values, rtol=1e-5)
        np.testing.assert_allclose(value, values, rtol=1e-5)
        np.testing.assert_allclose(found.norms, np.linalg.norm(rows, axis=1), rtol=1e-5)
        np.testing.assert_allclose(found.alignments, alignments, rtol=1e-4, atol=1e-5)
        flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradient)])
        np.testing.assert_allclose(flat, rows.mean(0), atol=1e-6)


def test_a_wrong_label_is_found() -> None:
    """Two clouds, and one example in a hundred with the other's label, at parameters that have learned them."""
    target = np.arange(100) % 2
    x = RANDOM.standard_normal((100, 2)).astype(np.float32) + 4 * target[:, None].astype(np.float32)
    told = np.where(np.arange(100) == 17, 1 - target, target)
    objective = bp.supervised(bp.Dense(2), losses.CrossEntropy(reduction="none"))
    params = {"w": jnp.array([[-1.0, 1.0], [-1.0, 1.0]]) / 4, "b": jnp.array([1.0, -1.0])}
    for by in ("loss", "norm", "alignment"):
        _, found = jax.jit(hardest_examples(objective, by))(params, (), (x, told))
        assert found.order[0] == 17
    assert found.alignments[17] < 0


def test_edges_and_refusals(begun) -> None:
    params, state = begun
    batch = BATCH[0].copy(), BATCH[1]
    batch[0][5] = np.nan
    _, found = jax.jit(hardest_examples(OBJECTIVE))(params, state, batch)
    assert found.order[0] == 5
    _, found = jax.jit(hardest_examples(OBJECTIVE, "alignment"))(params, state, tuple(part[:1] for part in BATCH))
    np.testing.assert_allclose(found.alignments, 0, atol=1e-5)  # there are no others
    with pytest.raises(ValueError, match="by 'loss', 'norm' or 'alignment', not by 'size'"):
        hardest_examples(OBJECTIVE, "size")  # pyright: ignore[reportArgumentType]
    mean = bp.supervised(MODEL, losses.CrossEntropy())
    with pytest.raises(ValueError, match=r'one for each of the 8 examples, not float32\[\]: use reduction="none"'):
        jax.eval_shape(hardest_examples(mean), params, state, BATCH)
    assert jax.eval_shape(hardest_examples(mean, "norm"), params, state, BATCH)[1].losses is None
    with pytest.raises(ValueError, match="no parameter has a gradient"):
        jax.eval_shape(hardest_examples(freeze(OBJECTIVE, "*")), params, state, BATCH)
