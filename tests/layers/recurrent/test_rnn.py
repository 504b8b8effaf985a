from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles.recurrent import of_onnx

LENGTHS = [4, 0, 2]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_values_are_those_of_onnx(activation) -> None:
    cell = bp.RNNCell(3, activation)
    x, h = normal(3, 4, 2), normal(3, 3)
    params = {"w": normal(2, 3), "u": normal(4, 3)[:3], "b": normal(3)}
    layer = bp.recurrent(cell, carry="input")
    (y, last), _, _ = layer.forward(params, (), (bp.Padded(x, jnp.array(LENGTHS)), h))
    expected, (expected_last,) = of_onnx(cell, params, x, [h], LENGTHS)
    np.testing.assert_allclose(y.x, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(last, expected_last, rtol=0, atol=1e-6)


def test_saves_its_input_and_output_only() -> None:
    layer, x = bp.recurrent(bp.RNNCell(16)), normal(4, 10, 8)
    first_carry = 4 * 16
    assert bp.residual_bytes(layer, x) == 4 * (x.size + 4 * 10 * 16 + first_carry)


def test_gradient_of_relu_is_zero_where_its_output_is() -> None:
    cell = bp.RNNCell(1, "relu")
    params = {"w": jnp.ones((1, 1)), "u": jnp.ones((1, 1)), "b": jnp.zeros(1)}
    (_, y), _, residuals = cell.forward(params, (), (jnp.zeros((3, 1)), jnp.array([[-1.0], [0.0], [2.0]])))
    assert y.ravel().tolist() == [0, 0, 2]
    _, (dh, dx) = cell.backward(params, residuals, (None, jnp.ones((3, 1))))
    assert dh.ravel().tolist() == dx.ravel().tolist() == [0, 0, 1]


def test_starts_orthogonal_and_without_bias() -> None:
    params, state = bp.RNNCell(5).init(jax.random.key(0), (jnp.zeros((2, 5)), jnp.zeros((2, 3))))
    assert state == ()
    np.testing.assert_allclose(params["u"] @ params["u"].T, np.eye(5), atol=1e-6)
    assert params["w"].shape == (3, 5) and params["b"].tolist() == [0] * 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(bp.RNNCell, 0), "RNNCell needs features of 1 or more, a whole number, not 0"),
        (partial(bp.RNNCell, 2.0), "not 2.0"),
        (partial(bp.RNNCell, True), "not True"),
        (partial(bp.RNNCell, 2, "sigmoid"), "RNNCell needs an activation of 'tanh' or 'relu', not 'sigmoid'"),
    ],
    ids=str,
)
def test_bad_arguments(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
