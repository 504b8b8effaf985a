from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.layers.recurrent.cell import Cell, HoistedCell, require_carry
from tests.catalogue import StepByStep

CELL = bp.LSTMCell(3)
X, H = np.zeros((2, 4), np.float32), np.zeros((2, 3), np.float32)


@pytest.mark.parametrize("cell", [bp.RNNCell(2), bp.GRUCell(2), bp.LSTMCell(2)], ids=repr)
def test_who_offers_a_rule_in_parts(cell: Any) -> None:
    assert isinstance(cell, Cell) and isinstance(cell, HoistedCell)
    assert isinstance(StepByStep(cell), Cell) and not isinstance(StepByStep(cell), HoistedCell)
    assert not isinstance(bp.Dense(2), Cell)


def test_carries_that_fit() -> None:
    require_carry(CELL, CELL, CELL.initial_carry(X), X)
    require_carry(CELL, CELL, CELL.initial_carry(X.astype(jnp.bfloat16)), X)


@pytest.mark.parametrize(
    ("carry", "found"),
    [
        (H, r"'floating\[2, 3\]'"),
        ((H, H), r"\('floating\[2, 3\]', 'floating\[2, 3\]'\)"),
        (bp.LSTMCarry(H, np.zeros((1, 3), np.float32)), r"c='floating\[1, 3\]'\)"),
        (bp.LSTMCarry(H, np.zeros((2, 3), bool)), r"c='bool\[2, 3\]'\)"),
        (None, "None"),
        (0.0, "0.0"),
    ],
    ids=str,
)
def test_carries_that_do_not(carry: Any, found: str) -> None:
    with pytest.raises(ValueError, match=r"LSTMCell\(features=3\) needs a carry like LSTMCarry\(h=.*, not .*" + found):
        require_carry(CELL, CELL, carry, X)
