"""Layers that resize, pad and rearrange images."""

from backprop_jax.layers.resampling.pad import Pad
from backprop_jax.layers.resampling.pixel_shuffle import PixelShuffle, PixelUnshuffle
from backprop_jax.layers.resampling.resize import Resize, Upsample

__all__ = ["Pad", "PixelShuffle", "PixelUnshuffle", "Resize", "Upsample"]
