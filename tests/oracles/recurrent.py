"""Slow, obvious twins of recurrent layers: ONNX's definitions of RNN, LSTM and GRU, one sequence and step at a time.

Their arrays are ONNX's, for one direction: w (G H, D), r (G H, H), b (2 G H,), gates in the order i o f c of LSTM and
z r h of GRU, peepholes p (3 H,) in the order i o f. They give y (B, T, H) and the carry after the last real step.
`first_carry` is one array or two (B, H); lengths are (B,), and a sequence of none keeps its first carry.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import backprop_jax as bp

__all__ = ["as_onnx", "gru", "lstm", "of_onnx", "rnn"]

Array = np.ndarray
Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]


def rnn(x: Array, w: Array, r: Array, b: Array, first_carry: Sequence[Array], lengths: Sequence[int], f: str) -> Any:
    wb, rb = np.split(b, 2)
    function = {"tanh": np.tanh, "relu": lambda number: np.maximum(number, 0)}[f]

    def step(x_t: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = carry
        return (function(w @ x_t + r @ h + wb + rb),)

    return _each(step, x, first_carry, lengths)


def lstm(x: Array, w: Array, r: Array, b: Array, p: Array, first_carry: Sequence[Array], lengths: Sequence[int]) -> Any:
    w_i, w_o, w_f, w_c = np.split(w, 4)
    r_i, r_o, r_f, r_c = np.split(r, 4)
    wb_i, wb_o, wb_f, wb_c, rb_i, rb_o, rb_f, rb_c = np.split(b, 8)
    p_i, p_o, p_f = np.split(p, 3)

    def step(x_t: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        h, c = carry
        i = _sigmoid(w_i @ x_t + r_i @ h + p_i * c + wb_i + rb_i)
        f = _sigmoid(w_f @ x_t + r_f @ h + p_f * c + wb_f + rb_f)
        c = f * c + i * np.tanh(w_c @ x_t + r_c @ h + wb_c + rb_c)
        o = _sigmoid(w_o @ x_t + r_o @ h + p_o * c + wb_o + rb_o)
        return o * np.tanh(c), c

    return _each(step, x, first_carry, lengths)


def gru(
    x: Array,
    w: Array,
    r: Array,
    b: Array,
    first_carry: Sequence[Array],
    lengths: Sequence[int],
    linear_before_reset: int,
) -> Any:
    w_z, w_r, w_h = np.split(w, 3)
    r_z, r_r, r_h = np.split(r, 3)
    wb_z, wb_r, wb_h, rb_z, rb_r, rb_h = np.split(b, 6)

    def step(x_t: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = carry
        z = _sigmoid(w_z @ x_t + r_z @ h + wb_z + rb_z)
        reset = _sigmoid(w_r @ x_t + r_r @ h + wb_r + rb_r)
        if linear_before_reset:
            new = np.tanh(w_h @ x_t + reset * (r_h @ h + rb_h) + wb_h)
        else:
            new = np.tanh(w_h @ x_t + r_h @ (reset * h) + rb_h + wb_h)
        return ((1 - z) * new + z * h,)

    return _each(step, x, first_carry, lengths)


def as_onnx(cell: Any, params: dict[str, Array]) -> dict[str, Array]:
    """Our parameters in ONNX's layout."""
    orders = {bp.RNNCell: [0], bp.LSTMCell: [0, 3, 1, 2], bp.GRUCell: [1, 0, 2]}
    order, size = orders[type(cell)], cell.features
    columns = np.concatenate([np.arange(gate * size, (gate + 1) * size) for gate in order])
    second = np.zeros_like(params["b"])
    if "c" in params:
        second[-size:] = params["c"]
    arrays = {"w": params["w"].T[columns], "r": params["u"].T[columns], "b": np.append(params["b"][columns], second)}
    if isinstance(cell, bp.LSTMCell):
        i, f, o = params.get("p", np.zeros((3, size)))
        arrays["p"] = np.concatenate([i, o, f])
    return arrays


def of_onnx(cell: Any, params: dict[str, Array], x: Array, first_carry: Sequence[Array], lengths: Sequence[int]) -> Any:
    """y and the last carry of a cell, by ONNX's definition."""
    arrays = as_onnx(cell, params) | {"x": x, "first_carry": first_carry, "lengths": lengths}
    if isinstance(cell, bp.RNNCell):
        return rnn(**arrays, f=cell.activation)
    if isinstance(cell, bp.GRUCell):
        return gru(**arrays, linear_before_reset=int(cell.reset_after))
    return lstm(**arrays)


def _each(step: Step, x: Array, first_carry: Sequence[Array], lengths: Sequence[int]) -> tuple[Array, list[Array]]:
    y = np.zeros((*x.shape[:2], first_carry[0].shape[-1]))
    last = [part.astype(np.float64) for part in first_carry]
    for example, length in enumerate(lengths):
        carry = tuple(part[example] for part in first_carry)
        for t in range(length):
            carry = step(x[example, t], carry)
            y[example, t] = carry[0]
        for part, after in zip(last, carry, strict=True):
            part[example] = after
    return y, last


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))
