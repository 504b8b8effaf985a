"""Images from arrays, folders and installed packages, and mini-batches of them. Nothing is downloaded."""

from backprop_jax.data import augmentation
from backprop_jax.data.arrays import from_arrays
from backprop_jax.data.batches import batches
from backprop_jax.data.digits import digits
from backprop_jax.data.image_dataset import Examples, ImageDataset
from backprop_jax.data.image_folders import image_folder
from backprop_jax.data.mnist5k import mnist5k
from backprop_jax.data.normalization import ChannelStatistics, channel_statistics, normalize
from backprop_jax.data.split import split

__all__ = [
    "ChannelStatistics",
    "Examples",
    "ImageDataset",
    "augmentation",
    "batches",
    "channel_statistics",
    "digits",
    "from_arrays",
    "image_folder",
    "mnist5k",
    "normalize",
    "split",
]
