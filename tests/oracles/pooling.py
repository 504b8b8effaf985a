"""Slow, obvious twins of pooling: one window at a time, in float64, straight from the definition.

Each gives the output, for x (B, *N, C), and the cotangent of the input, for dy (B, *M, C).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import ceil, floor

import numpy as np

Place = tuple[int, ...]
Window = tuple[Place, list[Place]]  # a place of the output, and the places that its window covers, in row-major order


def slid(
    places: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
) -> Iterator[Window]:
    for place in np.ndindex(*places):
        taps = np.ndindex(*size)
        yield place, [tuple(np.multiply(place, strides) + np.multiply(tap, dilation) - before) for tap in taps]


def binned(spatial: Sequence[int], sizes: Sequence[int]) -> Iterator[Window]:
    for place in np.ndindex(*sizes):
        axes = zip(place, spatial, sizes, strict=True)
        yield place, list(product(*(range(floor(o * n / m), ceil((o + 1) * n / m)) for o, n, m in axes)))


def largest(x: np.ndarray, windows: Iterable[Window], dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for (place, covered), b, c in product(windows, range(x.shape[0]), range(x.shape[-1])):
        inside = [at for at in covered if _within(at, x)]
        values = [x[(b, *at, c)] for at in inside]
        y[(b, *place, c)] = max(values)
        dx[(b, *inside[values.index(max(values))], c)] += dy[(b, *place, c)]
    return y, dx


def mean(
    x: np.ndarray, windows: Iterable[Window], dy: np.ndarray, count_padding: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    y, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for (place, covered), b, c in product(windows, range(x.shape[0]), range(x.shape[-1])):
        inside = [at for at in covered if _within(at, x)]
        count = len(covered) if count_padding else len(inside)
        for at in inside:
            y[(b, *place, c)] += x[(b, *at, c)] / count
            dx[(b, *at, c)] += dy[(b, *place, c)] / count
    return y, dx


def _within(place: Place, x: np.ndarray) -> bool:
    return all(0 <= i < length for i, length in zip(place, x.shape[1:-1], strict=True))
