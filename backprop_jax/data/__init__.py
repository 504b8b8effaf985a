"""Embedded data sets and mini-batches. Nothing is downloaded: the data come with installed packages."""

from backprop_jax.data.batches import batches
from backprop_jax.data.digits import digits
from backprop_jax.data.image_dataset import Examples, ImageDataset
from backprop_jax.data.mnist5k import mnist5k
from backprop_jax.data.split import split

__all__ = ["Examples", "ImageDataset", "batches", "digits", "mnist5k", "split"]
