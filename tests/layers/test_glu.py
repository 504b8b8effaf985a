from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal


def sigmoid(number: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-number.astype(np.float64)))


def test_the_second_half_gates_the_first() -> None:
    x = normal(2, 3, 8)
    a, b = x[..., :4], x[..., 4:]
    np.testing.assert_allclose(bp.GLU().forward((), (), x)[0], a * sigmoid(b), rtol=1e-6)
    np.testing.assert_allclose(bp.GLU(bp.SiLU()).forward((), (), x)[0], a * b * sigmoid(b), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(bp.GLU(bp.ReLU()).forward((), (), x)[0], a * np.maximum(b, 0))


def test_swiglu_of_two_matrices() -> None:
    """Shazeer's FFN: Swish(x W) (x V), with [V | W] as one Dense."""
    x, v, w = normal(5, 3), normal(3, 4), normal(3, 4, scale=2.0)
    params = ({"w": np.concatenate([v, w], 1), "b": np.zeros(8, np.float32)}, ())
    y, _, _ = bp.chain(bp.Dense(8), bp.GLU(bp.SiLU())).forward(params, ((), ()), x)
    np.testing.assert_allclose(y, (x @ w) * sigmoid(x @ w) * (x @ v), rtol=1e-4, atol=1e-5)


def test_saves_x_alone() -> None:
    assert bp.residual_bytes(bp.GLU(bp.SiLU()), normal(5, 8)) == 5 * 8 * 4


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (jnp.ones((2, 5)), r"GLU\(.*halves the last axis, which must be even, but was given \[2, 5\]"),
        (jnp.ones(()), "at least 1 axes"),
        (jnp.ones((2, 4), jnp.int32), r"floating point input, not int32\[2, 4\]"),
    ],
)
def test_bad_input(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bp.GLU().forward((), (), x)


def test_activation_must_be_elementwise() -> None:
    with pytest.raises(TypeError, match=r"an elementwise layer as its activation, not Softmax\("):
        bp.GLU(bp.Softmax())  # pyright: ignore[reportArgumentType]
