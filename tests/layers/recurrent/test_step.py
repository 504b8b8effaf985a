from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal

CELLS = [
    bp.RNNCell(3),
    bp.LSTMCell(3, use_peepholes=True),
    bp.LSTMCell(3, projection=2),
    bp.GRUCell(3),
    bp.GRUCell(3, reset_after=False),
]
H, X = np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_steps_of_the_cell_are_the_steps_of_the_sequence(cell: Any) -> None:
    """Generation: one call of the cell a step."""
    x, layer = normal(2, 3, 4), bp.recurrent(cell)
    params, _ = layer.init(jax.random.key(1), x)
    y, _, _ = layer.forward(params, (), x)
    carry = cell.initial_carry(x[:, 0])
    for t in range(3):
        (carry, y_t), _, _ = cell.forward(params, (), (carry, x[:, t]))
        np.testing.assert_allclose(y_t, y[:, t], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("cell", "x", "message"),
    [
        (bp.RNNCell(3), (H, np.zeros((2, 5), np.float32)), "for inputs of width 4, but was given width 5"),
        (bp.GRUCell(3), (H, np.zeros((2, 5), np.float32)), "for inputs of width 4, but was given width 5"),
        (
            bp.LSTMCell(3),
            (bp.LSTMCarry(H, H), np.zeros((2, 5), np.float32)),
            r"LSTMCell\(features=3\) was initialized for inputs of width 4, but was given width 5",
        ),
        (bp.GRUCell(3), (H, np.zeros(4, np.float32)), r"needs the x of one step, \(B, D\).*, not \[4\]"),
        (bp.GRUCell(3), (H, np.zeros((2, 1, 4), np.float32)), r"needs the x of one step.*, not \[2, 1, 4\]"),
        (bp.GRUCell(3), (H, np.zeros((2, 4), np.int32)), "floating point input, not int32"),
        (bp.GRUCell(3), (np.zeros((1, 3), np.float32), X), r"a carry like 'floating\[2, 3\]', not 'floating\[1, 3\]"),
        (
            bp.GRUCell(3),
            (np.zeros((2, 3), np.int32), X),
            r"a carry like 'floating\[2, 3\]', not 'int32\[2, 3\]",
        ),
        (bp.GRUCell(3), X, r"needs a tuple of 2 inputs, not a \w+\[2, 4\]"),
        (
            bp.LSTMCell(3),
            (H, X),
            r"a carry like LSTMCarry\(h='floating\[2, 3\]', c='floating\[2, 3\]'\), not 'floating\[2, 3\]'",
        ),
        (
            bp.LSTMCell(3, projection=2),
            (bp.LSTMCarry(H, H), X),
            r"a carry like LSTMCarry\(h='floating\[2, 2\]'",
        ),
    ],
    ids=str,
)
def test_bad_input(cell: Any, x: Any, message: str) -> None:
    params, _ = cell.init(jax.random.key(0), (cell.initial_carry(X), X))
    with pytest.raises(ValueError, match=message):
        cell.forward(params, (), x)


def test_a_carry_keeps_its_dtype() -> None:
    cell, x = bp.GRUCell(3), np.zeros((2, 4), jnp.bfloat16)
    params, _ = cell.init(jax.random.key(0), (cell.initial_carry(x), x))
    (after, y), _, residuals = cell.forward(params, (), (jnp.ones((2, 3), jnp.float32), x))
    assert after.dtype == y.dtype == jnp.float32
    _, (dh, dx) = cell.backward(params, residuals, (None, y))
    assert dh.dtype == jnp.float32 and dx.dtype == jnp.bfloat16
