import numpy as np

from backprop_jax.train import confusion_matrix


def test_confusion_matrix() -> None:
    counts = confusion_matrix(np.array([0, 1, 1, 1]), np.array([0, 1, 2, 2]), classes=3)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 2], [0, 0, 0]]
