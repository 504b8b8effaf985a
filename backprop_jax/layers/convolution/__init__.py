"""Convolution and its adjoint, over any number of spatial axes."""

from backprop_jax.layers.convolution.conv import Conv

__all__ = ["Conv"]
