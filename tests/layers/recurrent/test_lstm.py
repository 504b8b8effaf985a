from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles.recurrent import of_onnx

LENGTHS = [4, 0, 2]


@pytest.mark.parametrize("use_peepholes", [True, False])
def test_values_are_those_of_onnx(use_peepholes: bool) -> None:
    cell = bp.LSTMCell(3, use_peepholes=use_peepholes)
    x, start = normal(3, 4, 2), bp.LSTMCarry(normal(3, 3), normal(3, 3, scale=2.0))
    params = {"w": normal(2, 12), "u": normal(3, 12), "b": normal(12)}
    params |= {"p": normal(3, 3)[::-1]} if use_peepholes else {}
    layer = bp.recurrent(cell, carry="input")
    (y, last), _, _ = layer.forward(params, (), (bp.Padded(x, jnp.array(LENGTHS)), start))
    expected, expected_last = of_onnx(cell, params, x, start, LENGTHS)
    np.testing.assert_allclose(y.x, expected, rtol=0, atol=1e-6)
    for found, wanted in zip(last, expected_last, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_a_projection_is_a_product_with_what_would_be_the_output() -> None:
    """The gates then see the smaller h: of one step from h = 0 they are the same with any u."""
    x, c = normal(2, 2), normal(2, 3)
    params = {"w": normal(2, 12), "u": normal(3, 12), "b": normal(12)}
    (_, whole), _, _ = bp.LSTMCell(3).forward(params, (), (bp.LSTMCarry(np.zeros((2, 3), np.float32), c), x))
    params |= {"u": normal(2, 12), "v": normal(3, 2)}
    start = bp.LSTMCarry(np.zeros((2, 2), np.float32), c)
    (after, y), _, _ = bp.LSTMCell(3, projection=2).forward(params, (), (start, x))
    np.testing.assert_allclose(y, whole @ params["v"], rtol=1e-6)
    assert after.h.shape == (2, 2) and after.c.shape == (2, 3)


def test_the_derivative_of_a_large_memory_in_bfloat16() -> None:
    """o (1 - tanh(4)²), of gates that are open: in bfloat16 tanh(4) is 1, and the difference 0."""
    zero, c = jnp.zeros((1, 1), "bfloat16"), jnp.full((1, 1), 4, "bfloat16")
    params = {"w": jnp.zeros((1, 4)), "u": jnp.zeros((1, 4)), "b": jnp.array([0.0, 30.0, 0.0, 30.0])}
    params = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), params)
    cell = bp.LSTMCell(1)
    _, _, residuals = cell.forward(params, (), (bp.LSTMCarry(zero, c), zero))
    _, (dcarry, _) = cell.backward(params, residuals, (None, jnp.ones((1, 1), "bfloat16")))
    assert dcarry.c.dtype == jnp.bfloat16
    assert float(dcarry.c[0, 0]) == pytest.approx(1 - np.tanh(4.0) ** 2, rel=0.01)


def test_saves_gates_and_memory() -> None:
    layer, x = bp.recurrent(bp.LSTMCell(16)), normal(4, 10, 8)
    first_carry, steps = 2 * 4 * 16, 4 * 10 * 16  # of one gate
    assert bp.residual_bytes(layer, x) == 4 * (x.size + first_carry + (4 + 1 + 1) * steps)


def test_each_gate_starts_orthogonal_and_the_forget_gate_open() -> None:
    carry = bp.LSTMCarry(jnp.zeros((2, 4)), jnp.zeros((2, 4)))
    params, state = bp.LSTMCell(4).init(jax.random.key(0), (carry, jnp.zeros((2, 3))))
    assert state == () and params["w"].shape == (3, 16)
    gates = np.split(params["u"], 4, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-6)
    assert not np.allclose(gates[0], gates[1])
    assert params["b"].tolist() == [0] * 4 + [1] * 4 + [0] * 8
    params, _ = bp.LSTMCell(4, forget_bias=0.0).init(jax.random.key(0), (carry, jnp.zeros((2, 3))))
    assert params["b"].tolist() == [0] * 16


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(bp.LSTMCell, 0), "LSTMCell needs features of 1 or more, a whole number, not 0"),
        (partial(bp.LSTMCell, 2, projection=0), "LSTMCell needs projection of 1 or more, a whole number, not 0"),
        (partial(bp.LSTMCell, 2, projection=1.5), "not 1.5"),
    ],
    ids=str,
)
def test_bad_arguments(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
