"""Slow, obvious twins of the normalizations over space: float64, straight from the definition."""

import numpy as np


def normalized(values: np.ndarray, eps: float) -> np.ndarray:
    mean = values.sum() / values.size
    variance = ((values - mean) ** 2).sum() / values.size
    return (values - mean) / np.sqrt(variance + eps)


def batch_norm(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, eps: float) -> np.ndarray:
    y = np.empty(x.shape)
    for c in range(x.shape[-1]):
        y[..., c] = scale[c] * normalized(x[..., c], eps) + shift[c]
    return y


def group_norm(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, groups: int, eps: float) -> np.ndarray:
    y, width = np.empty(x.shape), x.shape[-1] // groups
    for b in range(x.shape[0]):
        for first in range(0, x.shape[-1], width):
            y[b, ..., first : first + width] = normalized(x[b, ..., first : first + width], eps)
    return scale * y + shift


def local_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    y, channels = np.empty(x.shape), x.shape[-1]
    for c in range(channels):
        near = [j for j in range(channels) if c - size // 2 <= j <= c + (size - 1) // 2]
        y[..., c] = x[..., c] / (k + alpha * sum(x[..., j] ** 2 for j in near) / size) ** beta
    return y
