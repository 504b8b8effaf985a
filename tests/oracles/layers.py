"""Slow, obvious twins of the hard rules: float64, one row at a time, straight from the definition."""

import numpy as np


def layer_norm(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, eps: float) -> np.ndarray:
    y = np.empty(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        row = x[place]
        mean = sum(row) / len(row)
        variance = sum((value - mean) ** 2 for value in row) / len(row)
        y[place] = scale * (row - mean) / np.sqrt(variance + eps) + shift
    return y


def rms_norm(x: np.ndarray, scale: np.ndarray, eps: float) -> np.ndarray:
    y = np.empty(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        row = x[place]
        y[place] = scale * row / np.sqrt(sum(value**2 for value in row) / len(row) + eps)
    return y


def softmax(x: np.ndarray) -> np.ndarray:
    y = np.empty(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        weights = [np.exp(value - max(x[place])) for value in x[place]]
        y[place] = np.array(weights) / sum(weights)
    return y


def embedding_gradient(ids: np.ndarray, dy: np.ndarray, rows: int) -> np.ndarray:
    dtable = np.zeros((rows, dy.shape[-1]))
    for place in np.ndindex(ids.shape):
        dtable[ids[place]] += dy[place]
    return dtable


def jacobian(function, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """d function(x)[i] / d x[j] by central differences, i and j running over the flattened arrays."""
    columns = []
    for place in np.ndindex(x.shape):
        moved = np.zeros(x.shape)
        moved[place] = step
        columns.append((function(x + moved) - function(x - moved)).ravel() / (2 * step))
    return np.stack(columns, -1)
