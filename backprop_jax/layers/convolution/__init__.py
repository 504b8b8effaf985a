"""Convolution and its adjoint, over one to three spatial axes."""

from backprop_jax.layers.convolution.conv import Conv
from backprop_jax.layers.convolution.conv_transpose import ConvTranspose

__all__ = ["Conv", "ConvTranspose"]
