"""Private gradients against clipping of the gradients of single examples by jax.grad."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.core.layer import PyTree
from backprop_jax.harvest import freeze, private_value_and_grad

B, CLIP = 6, 0.7
BLOCK = bp.skip(bp.chain(bp.LayerNorm(), bp.Dense(7), bp.GELU(), bp.Dense(5)))
OBJECTIVE = bp.supervised(
    bp.chain(first=bp.Dense(5), blocks=bp.scan(BLOCK, 2), last=bp.Dense(3)), losses.CrossEntropy(reduction="none")
)
RANDOM = np.random.default_rng(0)
BATCH = RANDOM.standard_normal((B, 4)).astype(np.float32), RANDOM.integers(0, 3, B)
KEY = jax.random.key(5)


@pytest.fixture(scope="module")
def begun() -> tuple[PyTree, PyTree]:
    return OBJECTIVE.init(jax.random.key(0), BATCH)


@pytest.fixture(scope="module")
def by_autodiff(begun: tuple[PyTree, PyTree]) -> tuple[np.ndarray, PyTree]:
    """The loss and the gradient of each example."""
    params, state = begun

    def loss(params: PyTree, x: jax.Array, target: jax.Array) -> jax.Array:
        return OBJECTIVE.forward(params, state, (x[None], target[None]))[0][0]

    return jax.jit(jax.vmap(jax.value_and_grad(loss), in_axes=(None, 0, 0)))(params, *BATCH)


def _clipped(gradients: PyTree, per_parameter: bool) -> PyTree:
    """Σ g min(1, clip / |g|) by the definition. A scan stacks its layers, each with parameters of its own."""
    squares = {
        name: jax.tree.map(lambda g, first=1 + (name == "blocks"): _squares(g, first), part)
        for name, part in gradients.items()
    }
    leaves = jax.tree.leaves(squares)
    if per_parameter:
        limit = CLIP / np.sqrt(sum(leaf[0].size for leaf in leaves))
        factors = jax.tree.map(lambda square: np.minimum(1, limit / np.sqrt(square)), squares)
    else:
        norms = np.sqrt(sum(leaf.reshape(B, -1).sum(1) for leaf in leaves))
        factors = jax.tree.map(lambda square: _spread(np.minimum(1, CLIP / norms), square), squares)
    assert any((leaf < 1).any() for leaf in jax.tree.leaves(factors))
    return jax.tree.map(lambda g, factor: np.sum(_spread(factor, np.asarray(g)) * g, 0), gradients, factors)


def _squares(g: np.ndarray, first: int) -> np.ndarray:
    return np.sum(np.square(g, dtype=np.float64), tuple(range(first, g.ndim)))


def _spread(factor: np.ndarray, array: np.ndarray) -> np.ndarray:
    return np.broadcast_to(factor.reshape(*factor.shape, *(1,) * (array.ndim - factor.ndim)), array.shape)


def _assert_close(ours: PyTree, theirs: PyTree) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)


@pytest.mark.parametrize(("per_parameter", "steps"), [(False, 1), (False, 2), (True, 1)])
def test_without_noise_it_is_the_mean_of_clipped_gradients(begun, by_autodiff, per_parameter: bool, steps: int) -> None:
    private = private_value_and_grad(OBJECTIVE, CLIP, 0.0, per_parameter=per_parameter, accumulation_steps=steps)
    (value, _), gradient = jax.jit(private)(*begun, BATCH, KEY)
    losses_alone, gradients = by_autodiff
    np.testing.assert_allclose(value, np.mean(losses_alone), rtol=1e-6)
    _assert_close(gradient, jax.tree.map(lambda total: total / B, _clipped(gradients, per_parameter)))


def test_padding_counts_for_nothing(begun, by_autodiff) -> None:
    mask = np.array([True, False, True, True, False, False])
    private = jax.jit(private_value_and_grad(OBJECTIVE, CLIP, 0.0, batch_size=4))
    padded = np.where(mask[:, None], BATCH[0], 1e3), BATCH[1]
    (value, _), gradient = private(*begun, padded, KEY, mask)
    losses_alone, gradients = by_autodiff
    real = jax.tree.map(lambda g: np.where(_spread(mask, np.asarray(g)), g, 0), gradients)
    np.testing.assert_allclose(value, np.mean(losses_alone[mask]), rtol=1e-6)
    with np.errstate(divide="ignore"):
        _assert_close(gradient, jax.tree.map(lambda total: total / 4, _clipped(real, per_parameter=False)))
    (value, _), gradient = private(*begun, padded, KEY, np.zeros(B, bool))
    assert value == 0 and not any(jnp.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_the_noise_has_its_deviation_and_depends_on_the_key(begun) -> None:
    clip, noise = 0.25, 8.0
    quiet = jax.jit(private_value_and_grad(OBJECTIVE, clip, 0.0))(*begun, BATCH, KEY)[1]
    noisy = jax.jit(private_value_and_grad(OBJECTIVE, clip, noise))
    drawn = [noisy(*begun, BATCH, jax.random.key(seed))[1] for seed in range(40)]
    xi = [
        np.concatenate([np.ravel(B * (a - b)) for a, b in zip(*map(jax.tree.leaves, (one, quiet)), strict=True)])
        for one in drawn
    ]
    np.testing.assert_allclose(np.std(xi), clip * noise, rtol=0.03)
    assert abs(np.mean(xi)) < 0.1 and np.std(np.corrcoef(xi)[np.triu_indices(40, 1)]) < 0.2
    again = noisy(*begun, BATCH, jax.random.key(0))[1]
    jax.tree.map(np.testing.assert_array_equal, again, drawn[0])


def test_what_makes_no_sense_is_refused(begun) -> None:
    wrongs: list[dict[str, Any]] = [
        {"clip": 0.0},
        {"clip": float("nan")},
        {"clip": float("inf")},
        {"noise": -0.1},
        {"noise": float("inf")},
        {"batch_size": 0},
        {"accumulation_steps": 0},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}.*{next(iter(wrong.values()))!r}"):
            partial(private_value_and_grad, OBJECTIVE)(**{"clip": 1.0, "noise": 1.0, **wrong})
    with pytest.raises(ValueError, match="4 steps divide, not of 6"):
        private_value_and_grad(OBJECTIVE, 1.0, 1.0, accumulation_steps=4)(*begun, BATCH, KEY)
    for mask in (np.ones(1, bool), np.ones(B, np.float32)):
        with pytest.raises(ValueError, match=r"a mask of 6 truth values, one a row, not (bool\[1\]|float32\[6\])"):
            private_value_and_grad(OBJECTIVE, 1.0, 1.0)(*begun, BATCH, KEY, mask)
    with pytest.raises(ValueError, match=r"one row or more.*not of 0.*Poisson"):
        private_value_and_grad(OBJECTIVE, 1.0, 1.0)(*begun, (BATCH[0][:0], BATCH[1][:0]), KEY)
    for loss, message in (
        (losses.CrossEntropy(reduction="sum"), "is a sum"),
        (losses.CrossEntropy(ignore_index=0), "divides by what counts in the whole batch"),
    ):
        with pytest.raises(ValueError, match=message):
            private_value_and_grad(bp.supervised(bp.Dense(3), loss), 1.0, 1.0)
    norm = bp.supervised(bp.chain(bp.Dense(3), bp.BatchNorm()), losses.CrossEntropy())
    with pytest.raises(ValueError, match=r"BatchNorm\(\) at 'layer/1'|BatchNorm\(\) at '1'.*eval_mode"):
        private_value_and_grad(norm, 1.0, 1.0)


@pytest.mark.parametrize("steps", [1, 2])
def test_what_is_frozen_gets_no_noise(begun, steps: int) -> None:
    private = private_value_and_grad(freeze(OBJECTIVE, "first"), 1.0, 1.0, accumulation_steps=steps)
    _, gradient = jax.jit(private)(*begun, BATCH, KEY)
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(gradient["first"]))
    assert all(jnp.all(leaf != 0) for leaf in jax.tree.leaves(gradient["blocks"]))


def test_an_axis_of_examples_that_moves_is_seen() -> None:
    x, target = BATCH[0].reshape(6, 2, 2), BATCH[1]
    merged = bp.chain(bp.from_function(lambda x: x.reshape(-1, 2)), bp.Dense(3), bp.from_function(lambda y: y[:6]))
    for model, message in (
        (merged, r"the parameter at 1/. sees 12 examples where the batch has 6"),
        (bp.chain(bp.Transpose((1, 0, 2)), bp.Dense(3)), "Transpose.*makes each example's output of the whole batch"),
    ):
        objective = bp.supervised(model, losses.CrossEntropy())
        params, state = model.init(jax.random.key(0), x)
        with pytest.raises(ValueError, match=message):
            private_value_and_grad(objective, 1.0, 1.0)(params, state, (x, target), KEY)
