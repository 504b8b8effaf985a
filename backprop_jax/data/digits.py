"""Handwritten digits, 8x8 pixels, from scikit-learn."""

from typing import Any

from backprop_jax.data.arrays import from_arrays
from backprop_jax.data.image_dataset import ImageDataset

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
    return from_arrays(bunch.images / 16, bunch.target, tuple("0123456789"), "digits8x8")
