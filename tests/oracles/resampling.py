"""Slow, obvious twins of resizing and pixel shuffling: float64, one element at a time, straight from the definition."""

import itertools
import math

import numpy as np


def resize(x: np.ndarray, shape: tuple[int, ...], method: str, align_corners: bool) -> np.ndarray:
    y = np.zeros((len(x), *shape, x.shape[-1]))
    for place in np.ndindex(*shape):
        reads = [_reads(*axis, method, align_corners) for axis in zip(place, x.shape[1:-1], shape, strict=True)]
        for corner in itertools.product(*reads):
            old = tuple(index for index, _ in corner)
            y[(slice(None), *place)] += math.prod(weight for _, weight in corner) * x[(slice(None), *old)]
    return y


def _reads(new: int, length: int, new_length: int, method: str, align_corners: bool) -> list[tuple[int, float]]:
    if method == "nearest":
        return [(math.floor(new * length / new_length + 1e-9), 1.0)]
    if align_corners:
        place = new * (length - 1) / (new_length - 1) if new_length > 1 else 0.0
    else:
        place = (new + 0.5) * length / new_length - 0.5
    place = min(max(place, 0.0), length - 1)
    left = math.floor(place)
    return [(left, 1 - (place - left)), (min(left + 1, length - 1), place - left)]


def pixel_shuffle(x: np.ndarray, factor: int) -> np.ndarray:
    axes, (batch, *spatial, channels) = x.ndim - 2, x.shape
    y = np.zeros((batch, *(length * factor for length in spatial), channels // factor**axes))
    for place in np.ndindex(*y.shape[1:]):
        *pixel, channel = place
        for part in pixel:
            channel = channel * factor + part % factor
        y[(slice(None), *place)] = x[(slice(None), *(part // factor for part in pixel), channel)]
    return y
