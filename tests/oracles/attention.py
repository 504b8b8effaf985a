"""Slow, obvious twins of attention and positions: their definitions, one number at a time, in float64."""

import math
from collections.abc import Callable

import numpy as np

__all__ = ["attention", "everything", "rotary", "waves"]

Array = np.ndarray
Sees = Callable[[int, int, int, int], bool]  # of sequence b and head h: does query t see key s?


def everything(b: int, h: int, t: int, s: int) -> bool:
    return True


def attention(
    q: Array,
    k: Array,
    v: Array,
    sees: Sees = everything,
    scale: float | None = None,
    softcap: float | None = None,
    bias: Array | None = None,
) -> Array:
    """q (B, T, H, K), k (B, S, G, K), v (B, S, G, V), bias (B, H, T, S) -> (B, T, H, V). No key: 0."""
    q, k, v = (np.asarray(part, np.float64) for part in (q, k, v))
    batch, queries, heads, width = q.shape
    shared = heads // k.shape[2]  # so many heads look at the same keys
    y = np.zeros((batch, queries, heads, v.shape[3]))
    for b, t, h in np.ndindex(batch, queries, heads):
        weights = {}
        for s in range(k.shape[1]):
            if not sees(b, h, t, s):
                continue
            score = q[b, t, h] @ k[b, s, h // shared] * (1 / math.sqrt(width) if scale is None else scale)
            if softcap is not None:
                score = softcap * math.tanh(score / softcap)
            weights[s] = math.exp(score + (0 if bias is None else bias[b, h, t, s]))
        for s, weight in weights.items():
            y[b, t, h] += weight / sum(weights.values()) * v[b, s, h // shared]
    return y


def rotary(x: Array, places: Array, base: float, interleaved: bool, rotary_dim: int) -> Array:
    """x (B, T, H, K), places (B, T): each pair as a complex number, times e^(i angle)."""
    y = np.array(x, np.float64)
    half = rotary_dim // 2
    for b, t, h in np.ndindex(*x.shape[:3]):
        for i in range(half):
            one, other = (2 * i, 2 * i + 1) if interleaved else (i, i + half)
            angle = places[b, t] * base ** (-2 * i / rotary_dim)
            turned = complex(x[b, t, h, one], x[b, t, h, other]) * complex(math.cos(angle), math.sin(angle))
            y[b, t, h, one], y[b, t, h, other] = turned.real, turned.imag
    return y


def waves(steps: int, width: int) -> Array:
    """(T, D): sin(t / 10000^(2 i / D)) at 2 i, cos of the same at 2 i + 1."""
    y = np.zeros((steps, width))
    for t, d in np.ndindex(steps, width):
        angle = t / 10000 ** (d // 2 * 2 / width)
        y[t, d] = math.cos(angle) if d % 2 else math.sin(angle)
    return y
