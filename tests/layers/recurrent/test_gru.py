import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles.recurrent import of_onnx

LENGTHS = [4, 0, 2]
BOTH = pytest.mark.parametrize("reset_after", [True, False])


@BOTH
def test_values_are_those_of_onnx(reset_after: bool) -> None:
    cell = bp.GRUCell(3, reset_after)
    x, h = normal(3, 4, 2), normal(3, 3)
    params = {"w": normal(2, 9), "u": normal(3, 9), "b": normal(9)} | ({"c": normal(3)} if reset_after else {})
    layer = bp.recurrent(cell, carry="input")
    (y, last), _, _ = layer.forward(params, (), (bp.Padded(x, jnp.array(LENGTHS)), h))
    expected, (expected_last,) = of_onnx(cell, params, x, [h], LENGTHS)
    np.testing.assert_allclose(y.x, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(last, expected_last, rtol=0, atol=1e-6)


def test_the_two_conventions_differ() -> None:
    x, h = normal(2, 2), normal(2, 3)
    params = {"w": normal(2, 9), "u": normal(3, 9), "b": normal(9), "c": np.zeros(3, np.float32)}
    after, before = (bp.GRUCell(3, reset_after).forward(params, (), (h, x))[0][1] for reset_after in (True, False))
    assert np.abs(after - before).max() > 1e-2


@BOTH
def test_a_closed_reset_gate(reset_after: bool) -> None:
    """At r = 0 the candidate does not tell what the gate would let through: its gradient is there all the same."""
    cell = bp.GRUCell(1, reset_after)
    closed = -200.0  # σ of which is 0 in float32
    params = {"w": jnp.zeros((1, 3)), "u": jnp.array([[0.0, 0.0, 2.0]]), "b": jnp.array([closed, 0.0, 0.0])}
    params |= {"c": jnp.zeros(1)} if reset_after else {}
    (_, y), _, residuals = cell.forward(params, (), (jnp.array([[3.0]]), jnp.ones((1, 1))))
    assert y.tolist() == [[1.5]]  # n = 0, z = 1/2
    dparams, (dh, _) = cell.backward(params, residuals, (None, jnp.ones((1, 1))))
    assert dh.tolist() == [[0.5]]
    # r (1 - r) is 0 there, and not 0 · ∞.
    assert dparams["b"].tolist() == [0, 0.75, 0.5] and dparams["u"].tolist() == [[0, 2.25, 0]]


@BOTH
def test_saves_gates_and_what_they_do_not_tell(reset_after: bool) -> None:
    layer, x = bp.recurrent(bp.GRUCell(16, reset_after)), normal(4, 10, 8)
    first_carry, steps = 4 * 16, 4 * 10 * 16  # of one gate
    saved = x.size + first_carry + (5 if reset_after else 4) * steps
    assert bp.residual_bytes(layer, x) == 4 * saved


@BOTH
def test_each_gate_starts_orthogonal(reset_after: bool) -> None:
    params, state = bp.GRUCell(4, reset_after).init(jax.random.key(0), (jnp.zeros((2, 4)), jnp.zeros((2, 3))))
    assert state == () and params["w"].shape == (3, 12) and params["b"].tolist() == [0] * 12
    assert ("c" in params) == reset_after
    gates = np.split(params["u"], 3, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-6)
    assert not np.allclose(gates[0], gates[1]) and not np.allclose(gates[1], gates[2])


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="GRUCell needs features of 1 or more, a whole number, not -1"):
        bp.GRUCell(-1)
