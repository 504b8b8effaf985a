import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.losses import Huber, MeanAbsoluteError, MeanSquaredError
from backprop_jax.losses.reduction import REDUCTIONS
from tests.losses.three_ways import assert_is_its_twin, by_hand, by_jax_vjp
from tests.oracles import losses as twins

RNG = np.random.default_rng(0)
PREDICTION, TARGET = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 5))

# torch 2.13.0+cpu, float64:  x = tensor([[0.3, -1.2], [2.5, 0.0]])
#   mse_loss(x, t), l1_loss(x, t)    with t = tensor([[1, 0], [0.25, 0.5]])
#   huber_loss(x, t, delta=0.5)      with t = tensor([[0, 0], [0.75, 2.5]])
# value, and gradient by autograd
TORCH_X = [[0.3, -1.2], [2.5, 0.0]]
TORCH_FIGURES = [
    (MeanSquaredError(), [[1, 0], [0.25, 0.5]], 1.810625, [[-0.35, -0.6], [1.125, -0.25]]),
    (MeanAbsoluteError(), [[1, 0], [0.25, 0.5]], 1.1625, [[-0.25, -0.25], [0.25, -0.25]]),
    (Huber(0.5), [[0, 0], [0.75, 2.5]], 0.59875, [[0.075, -0.125], [0.125, -0.125]]),
]


def test_by_hand() -> None:
    """Errors of 0.5, -2 and 3."""
    prediction, target = jnp.array([1.5, 0.0, 4.0]), jnp.array([1.0, 2.0, 1.0])
    for loss, y, gradient in (
        (MeanSquaredError(), (0.25 + 4 + 9) / 3, [1 / 3, -4 / 3, 2]),
        (MeanAbsoluteError(), 5.5 / 3, [1 / 3, -1 / 3, 1 / 3]),
        (Huber(), (0.125 + 1.5 + 2.5) / 3, [0.5 / 3, -1 / 3, 1 / 3]),
        (Huber(2.0), (0.125 + 2 + 4) / 3, [0.5 / 3, -2 / 3, 2 / 3]),
    ):
        actual_y, actual = by_hand(loss, prediction, target, 10)
        assert float(actual_y) == pytest.approx(y, rel=1e-6)
        np.testing.assert_allclose(actual, 10 * np.array(gradient), rtol=1e-6)


@pytest.mark.parametrize(("loss", "target", "y", "gradient"), TORCH_FIGURES, ids=[str(row[0]) for row in TORCH_FIGURES])
def test_torch(loss, target, y, gradient) -> None:
    actual_y, actual = by_hand(loss, jnp.array(TORCH_X), jnp.array(target), -2)
    assert float(actual_y) == pytest.approx(y, rel=1e-6)
    np.testing.assert_allclose(actual, -2 * np.array(gradient), rtol=1e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_numpy(reduction: str) -> None:
    assert_is_its_twin(MeanSquaredError(reduction=reduction), twins.mean_squared_error, PREDICTION, TARGET)
    assert_is_its_twin(MeanAbsoluteError(reduction=reduction), twins.mean_absolute_error, PREDICTION, TARGET)
    for delta in (0.3, 2):
        twin = lambda prediction, target, delta=delta: twins.huber(prediction, target, delta)
        assert_is_its_twin(Huber(delta, reduction=reduction), twin, PREDICTION, TARGET)


def test_ties() -> None:
    """At an error of 0 nothing pulls; at delta Huber's two halves meet."""
    target, dy = jnp.array([1.0, -2.0, 0.0]), jnp.array([3.0, 5.0, 7.0])
    for way in (by_hand, by_jax_vjp):
        assert way(MeanAbsoluteError(reduction="none"), target, target, dy)[1].tolist() == [0, 0, 0]
        assert way(MeanSquaredError(reduction="none"), target, target, dy)[1].tolist() == [0, 0, 0]
        y, gradient = way(Huber(0.5, reduction="none"), target + jnp.array([0.5, -0.5, 0.0]), target, dy)
        assert y.tolist() == [0.125, 0.125, 0] and gradient.tolist() == [1.5, -2.5, 0]


def test_delta() -> None:
    for delta in (0.0, -1.0, float("inf"), float("nan"), "1"):
        with pytest.raises(ValueError, match=r"Huber needs a positive, finite delta"):
            Huber(delta)
