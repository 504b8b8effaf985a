"""Slow, obvious twins of pooling over steps: one sequence and one feature at a time, straight from the definition.

Each gives y (B, D), for x (B, T, D) and a mask (B, T), and the cotangent of x, for dy (B, D).
"""

from collections.abc import Callable

import numpy as np

__all__ = ["largest", "last", "mean"]

Array = np.ndarray


def mean(x: Array, mask: Array, dy: Array) -> tuple[Array, Array]:
    return _each(lambda column, real: [(step, 1 / len(real)) for step in real], x, mask, dy)


def largest(x: Array, mask: Array, dy: Array) -> tuple[Array, Array]:
    def weights(column: Array, real: list[int]) -> list[tuple[int, float]]:
        values = [column[step] for step in real]
        return [(real[values.index(max(values))], 1.0)]

    return _each(weights, x, mask, dy)


def last(x: Array, mask: Array, dy: Array) -> tuple[Array, Array]:
    return _each(lambda column, real: [(real[-1], 1.0)], x, mask, dy)


def _each(
    weights: Callable[[Array, list[int]], list[tuple[int, float]]], x: Array, mask: Array, dy: Array
) -> tuple[Array, Array]:
    y, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for b, d in np.ndindex(*dy.shape):
        real = [step for step in range(x.shape[1]) if mask[b, step]]
        for step, weight in weights(x[b, :, d], real) if real else []:
            y[b, d] += weight * x[b, step, d]
            dx[b, step, d] += weight * dy[b, d]
    return y, dx
