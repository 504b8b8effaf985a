"""What every loss refuses. Errors come from the shapes alone, before anything is computed."""

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import losses

# The one with parameters has a file of its own.
NAMES = [name for name in losses.__all__ if name != "LinearCrossEntropy"]
LOSSES = [getattr(losses, name)() for name in NAMES]


def shape(*sizes: int, dtype: str = "float32") -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, dtype)


def refuses(loss, x, message: str, error: type[Exception] = ValueError) -> None:
    with pytest.raises(error, match=message):
        jax.eval_shape(loss.forward, (), (), x)


def refuses_now(loss, x, message: str) -> None:
    """Untraced, for tracing makes an array of a Python number."""
    with pytest.raises(ValueError, match=message):
        loss.forward((), (), x)


@pytest.mark.parametrize("kind", NAMES)
def test_unknown_reduction(kind: str) -> None:
    with pytest.raises(ValueError, match=f"{kind} needs a reduction of 'mean', 'sum' or 'none', not 'batchmean'"):
        getattr(losses, kind)(reduction="batchmean")


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_inputs(loss) -> None:
    refuses(loss, shape(4, 3), "takes .prediction, target.")
    refuses(loss, (shape(4, 3, dtype="int32"), shape(4, 3)), r"floating point input, not int32\[4, 3\]")
    refuses(loss, (shape(4, 3), shape(4, 3, dtype="complex64")), r"complex64\[4, 3\]")
    refuses_now(loss, ([1.0, 2.0], jnp.ones(2)), "one array, but was given list")
    for target in ([1.0, 2.0], 1.0, None, (shape(2),)):
        refuses_now(loss, (jnp.ones(2), target), f"one array as target, but was given {type(target).__name__}")
    refuses(loss, (shape(4, 3), shape(4, 1)), r"\[4, 3\].*\[4, 1\]")
    refuses(loss, (shape(4, 1), shape(3)), r"\[4, 1\].*\[3\]")


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_mean_of_nothing(loss) -> None:
    x = (jnp.ones((0, 3, 2)), jnp.ones((0, 1), int)) if loss == losses.CTC() else (jnp.ones((0, 3)), jnp.ones((0, 3)))
    refuses(loss, x, r"shape \[0, 3.*\] is the mean of nothing: .*reduction='sum'")
    total = type(loss)(reduction="sum")
    y, _, residuals = total.forward((), (), x)
    _, (dprediction, _) = total.backward((), residuals, jnp.array(2.0))
    assert float(y) == 0 and dprediction.shape == x[0].shape
    terms = type(loss)(reduction="none").forward((), (), x)[0]
    assert terms.size == 0


def test_label_smoothing() -> None:
    for value in (-0.1, 1.0, float("nan"), "0.1"):
        for kind in (losses.BinaryCrossEntropy, losses.CrossEntropy):
            with pytest.raises(ValueError, match="label_smoothing of 0 or more and less than 1"):
                kind(label_smoothing=value)


def test_weights() -> None:
    with pytest.raises(TypeError, match=r"class_weights is a tuple: tuple\(map\(float, weights\)\), not \[1, 2\]"):
        losses.CrossEntropy(class_weights=[1, 2])
    with pytest.raises(ValueError, match=r"class_weights\[1\] is -2"):
        losses.CrossEntropy(class_weights=(1, -2))
    with pytest.raises(ValueError, match=r"pos_weight\[0\] is inf"):
        losses.BinaryCrossEntropy(pos_weight=(float("inf"), 1.0))
