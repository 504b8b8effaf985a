"""Handwritten digits, 8x8 pixels, from scikit-learn."""

from typing import Any

import numpy as np

from backprop_jax.data.image_dataset import Examples, ImageDataset
from backprop_jax.data.split import split

__all__ = ["digits"]


def digits() -> ImageDataset:
    """1,797 digits written by 13 people, 8x8 pixels of 17 levels of grey, as scikit-learn ships them.

    They are the test part of the UCI "Optical Recognition of Handwritten Digits" data (Alpaydin & Kaynak, 1998).

    Raises:   ModuleNotFoundError, naming the extra to install, if scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the 8x8 digits come with scikit-learn, which is not installed: pip install 'backprop-jax[cli]'"
        ) from error
    bunch: Any = load_digits()
    examples = Examples(bunch.images.astype(np.float32) / 16, bunch.target)
    return split(examples, tuple("0123456789"), name="digits8x8")
