"""Which classes are taken for which."""

import numpy as np

__all__ = ["confusion_matrix"]


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """How often class i was taken for class j: shape (classes, classes), actual class by row, integers."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (actual, predicted), 1)
    return counts
