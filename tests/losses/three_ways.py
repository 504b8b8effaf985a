"""The gradient of a loss by our backward, by `jax.vjp` of forward, and by central differences of a NumPy twin."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import Layer
from tests.oracles.losses import reduced

__all__ = ["assert_is_its_twin", "by_differences", "by_hand", "by_jax_vjp", "weights_like"]


def by_hand(loss: Layer, prediction, target, dy) -> tuple[jax.Array, jax.Array]:
    """The value, and the cotangent of the prediction."""
    y, _, residuals = loss.forward((), (), (prediction, target))
    dparams, (dprediction, dtarget) = loss.backward((), residuals, jnp.asarray(dy, y.dtype))
    assert dparams == () and dtarget is None
    return y, dprediction


def by_jax_vjp(loss: Layer, prediction, target, dy) -> tuple[jax.Array, jax.Array]:
    y, pullback = jax.vjp(lambda prediction: loss.forward((), (), (prediction, target))[0], prediction)
    return y, pullback(jnp.asarray(dy, y.dtype))[0]


def by_differences(
    twin: Callable, reduction: str, prediction: np.ndarray, target: np.ndarray, dy: np.ndarray
) -> np.ndarray:
    gradient, step = np.empty(prediction.shape), 1e-5
    for place in np.ndindex(prediction.shape):
        moved = np.zeros(prediction.shape)
        moved[place] = step
        ahead, behind = (reduced(*twin(prediction + sign * moved, target), reduction) for sign in (1, -1))
        gradient[place] = np.sum(dy * (ahead - behind)) / (2 * step)
    return gradient


def weights_like(y: jax.Array) -> np.ndarray:
    """A cotangent that is neither one nor the same everywhere."""
    return np.random.default_rng(5).normal(size=y.shape) if y.shape else np.float64(-1.7)


def assert_is_its_twin(loss: Layer, twin: Callable, prediction: np.ndarray, target: np.ndarray) -> None:
    """Value and gradient in float64 are those of the twin."""
    with jax.enable_x64(True):
        prediction, target = (jnp.asarray(part) for part in (prediction, target))
        shape = jax.eval_shape(loss.forward, (), (), (prediction, target))[0]
        dy = weights_like(shape)
        y, gradient = by_hand(loss, prediction, target, dy)
        assert y.dtype == gradient.dtype == jnp.float64
        arrays = np.asarray(prediction), np.asarray(target)
    np.testing.assert_allclose(y, reduced(*twin(*arrays), loss.reduction), rtol=1e-12)
    np.testing.assert_allclose(gradient, by_differences(twin, loss.reduction, *arrays, dy), rtol=1e-6, atol=1e-9)
