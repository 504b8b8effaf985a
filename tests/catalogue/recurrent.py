"""Cells, and sequences through them: one step and two, none at all, lengths of 0, gaps, a carry that comes and goes."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import backprop_jax as bp
from tests.catalogue.row import Row, normal


@dataclass(frozen=True)
class StepByStep(bp.Layer):
    """A cell without its rule in parts, as a user writes one: the loop calls its forward and backward at each step."""

    layer: Any

    def initial_carry(self, x: Any) -> Any:
        return self.layer.initial_carry(x)

    def init(self, key: jax.Array, x: Any) -> tuple[Any, Any]:
        return self.layer.init(key, x)

    def forward(self, params: Any, state: Any, x: Any) -> tuple[Any, Any, Any]:
        return self.layer.forward(params, state, x)

    def backward(self, params: Any, residuals: Any, dy: Any) -> tuple[Any, Any]:
        return self.layer.backward(params, residuals, dy)


LENGTHS = np.array([0, 3, 2], np.int32)
GAPS = np.array([[True, False, True], [False, False, False], [False, True, True]])

projecting = bp.LSTMCell(3, use_peepholes=True, projection=2)

CELLS = [
    Row("RNNCell", bp.RNNCell(3), (normal(2, 3), normal(2, 4))),
    Row("LSTMCell", projecting, (bp.LSTMCarry(normal(2, 2), normal(2, 3)), normal(2, 4))),
    Row("GRUCell", bp.GRUCell(2), (normal(4, 2), normal(4, 2))),
]

SEQUENCES = [
    Row("recurrent", bp.recurrent(bp.RNNCell(3)), normal(0, 2, 4)),
    Row("recurrent", bp.recurrent(bp.RNNCell(2, activation="relu"), unroll=3), normal(1, 5, 3)),
    Row("recurrent", bp.recurrent(bp.LSTMCell(2)), normal(2, 1, 3)),
    Row("recurrent", bp.recurrent(projecting, reverse=True), bp.Padded(normal(3, 3, 2), GAPS)),
    Row("recurrent", bp.recurrent(bp.GRUCell(2), carry="state"), normal(3, 2, 2)),
    Row(
        "recurrent",
        bp.recurrent(bp.GRUCell(3, reset_after=False), carry="input"),
        (bp.Padded(normal(3, 3, 2), LENGTHS), normal(3, 3)),
    ),
    Row(
        "recurrent",
        bp.recurrent(StepByStep(bp.GRUCell(2)), carry="input", reverse=True),
        (bp.Padded(normal(3, 3, 2), LENGTHS), normal(3, 2)),
    ),
    Row(
        "bidirectional",
        bp.bidirectional(bp.recurrent(bp.RNNCell(2)), bp.recurrent(bp.RNNCell(3), reverse=True)),
        bp.Padded(normal(3, 3, 2), LENGTHS),
    ),
    Row(
        "remat_steps",
        bp.remat_steps(bp.recurrent(bp.RNNCell(3), carry="input", reverse=True), 2),
        (bp.Padded(normal(3, 4, 2), LENGTHS), normal(3, 3)),
    ),
    Row("first", bp.first(bp.Dense(4)), bp.Padded(normal(3, 3, 2), GAPS)),
]
