"""Slow, obvious twins of convolution and its adjoint: one place and one tap at a time, in float64.

Each gives the output and the cotangents of the input and the weights, w (*K, C / G, F) or (*K, C, F / G) if transposed.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

Place = tuple[int, ...]
Read = tuple[Place, Place, Place]  # the element `at` that tap `tap` of the window at place `place` reads
Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def reads(
    places: Sequence[int],
    spatial: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
    circular: bool = False,
) -> Iterator[Read]:
    for place in np.ndindex(*places):
        for tap in np.ndindex(*size):
            at = np.multiply(place, strides) + np.multiply(tap, dilation) - before
            if circular:
                at = at % spatial
            if np.all(at >= 0) and np.all(at < spatial):
                yield place, tap, tuple(map(int, at))


def convolution(x: np.ndarray, w: np.ndarray, dy: np.ndarray, reads: Iterable[Read], groups: int = 1) -> Triple:
    y, dx, dw = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(w.shape)
    inputs, outputs = x.shape[-1] // groups, dy.shape[-1] // groups
    for place, tap, at in reads:
        for group in range(groups):
            c, f = slice(group * inputs, (group + 1) * inputs), slice(group * outputs, (group + 1) * outputs)
            y[:, *place, f] += x[:, *at, c] @ w[tap][:, f]
            dx[:, *at, c] += dy[:, *place, f] @ w[tap][:, f].T
            dw[tap][:, f] += x[:, *at, c].T @ dy[:, *place, f]
    return y, dx, dw


def transposed(x: np.ndarray, w: np.ndarray, dy: np.ndarray, reads: Iterable[Read], groups: int = 1) -> Triple:
    """What the window at a place reads in a convolution is where its adjoint writes."""
    y, dx, dw = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(w.shape)
    inputs, outputs = x.shape[-1] // groups, dy.shape[-1] // groups
    for place, tap, at in reads:
        for group in range(groups):
            c, f = slice(group * inputs, (group + 1) * inputs), slice(group * outputs, (group + 1) * outputs)
            y[:, *at, f] += x[:, *place, c] @ w[tap][c]
            dx[:, *place, c] += dy[:, *at, f] @ w[tap][c].T
            dw[tap][c] += x[:, *place, c].T @ dy[:, *at, f]
    return y, dx, dw
