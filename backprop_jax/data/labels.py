"""Labels of classes."""

import numpy as np

__all__ = ["require_labels"]


def require_labels(example: str, y: np.ndarray, classes: int) -> None:
    """ValueError unless each label is the number of a class; `example` is what the message calls one."""
    unknown = (y < 0) | (y >= classes)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise ValueError(f"{example} {row} has label {y[row]}, outside 0 to {classes - 1}")
