"""What the losses that compare element with element share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import losses, residual_bytes
from tests.losses.three_ways import by_hand, by_jax_vjp, weights_like

PREDICTION = jnp.array([[0.3, -1.2, 2.5], [0.0, -0.4, 0.9]])
TARGET = jnp.array([[1, -1, 1], [-1, -1, 1]])
POINTWISE = [losses.MeanSquaredError, losses.MeanAbsoluteError, losses.Huber, losses.BinaryCrossEntropy, losses.Hinge]


@pytest.mark.parametrize("kind", POINTWISE)
def test_reductions_of_the_same_terms(kind) -> None:
    terms = by_hand(kind(reduction="none"), PREDICTION, TARGET, jnp.ones((2, 3)))[0]
    assert terms.shape == (2, 3)
    for reduction, expected in (("sum", terms.sum()), ("mean", terms.mean())):
        assert by_hand(kind(reduction=reduction), PREDICTION, TARGET, 1)[0] == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("kind", POINTWISE)
def test_the_loss_is_float32_and_the_gradient_in_the_dtype_of_the_prediction(kind, dtype: str) -> None:
    for loss in (kind(), kind(reduction="none")):
        y, gradient = by_hand(
            loss, PREDICTION.astype(dtype), TARGET, weights_like(jnp.ones((2, 3) if loss != kind() else ()))
        )
        assert y.dtype == jnp.float32 and gradient.dtype == dtype


@pytest.mark.parametrize("kind", POINTWISE)
def test_the_target_is_a_constant_of_any_real_dtype(kind) -> None:
    expected = by_hand(kind(), PREDICTION, TARGET.astype("float32"), 2.0)
    for dtype in ("int8", "bfloat16"):
        for actual, wanted in zip(by_hand(kind(), PREDICTION, TARGET.astype(dtype), 2.0), expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-6)
    slope = jax.grad(lambda target: kind().forward((), (), (PREDICTION, target))[0])(TARGET.astype("float32"))
    assert not slope.any()


@pytest.mark.parametrize("kind", POINTWISE)
def test_large_predictions(kind) -> None:
    prediction = jnp.array([1e4, -1e4, 1e4, -1e4])
    target = jnp.array([1, 1, -1, -1])
    if kind is losses.BinaryCrossEntropy:
        target = (target + 1) // 2
    dy = jnp.array([0.5, -2.0, 3.0, 1.0])
    ours, theirs = (way(kind(reduction="none"), prediction, target, dy) for way in (by_hand, by_jax_vjp))
    for actual, expected in zip(ours, theirs, strict=True):
        assert np.isfinite(actual).all()
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_bytes_saved_an_element() -> None:
    """One array, and neither prediction nor target."""
    x = (jax.ShapeDtypeStruct((4, 3), jnp.bfloat16), jax.ShapeDtypeStruct((4, 3), jnp.float32))
    saved = [residual_bytes(kind(), x) / 12 for kind in POINTWISE]
    assert saved == [4, 2, 4, 4, 4]


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("kind", POINTWISE)
def test_nan_predictions_have_nan_gradients(kind, reduction: str) -> None:
    """In bfloat16 too, and the other elements keep theirs."""
    loss = kind(reduction=reduction)
    for dtype in ("float32", "bfloat16"):
        prediction, target = jnp.array([0.5, jnp.nan, -2.0], dtype), jnp.array([1.0, 1.0, -1.0])
        gradient = by_hand(loss, prediction, target, jnp.full((3,) if reduction == "none" else (), 2.0))[1]
        assert jnp.isnan(gradient).tolist() == [False, True, False]


@pytest.mark.parametrize("kind", [kind for kind in POINTWISE if kind is not losses.Hinge])
def test_nan_predictions_as_jax_has_them(kind) -> None:
    """Hinge is left out: jax's derivative of max is 0 at NaN, which would hide it."""
    prediction, target = jnp.array([0.5, jnp.nan, -2.0]), jnp.array([1.0, 1.0, -1.0])
    (_, ours), (_, theirs) = (way(kind(), prediction, target, 2.0) for way in (by_hand, by_jax_vjp))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
