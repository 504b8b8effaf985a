"""Pooling: every channel by itself, over windows, bins or all of the spatial axes."""

from backprop_jax.layers.pooling.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from backprop_jax.layers.pooling.average_pool import AvgPool
from backprop_jax.layers.pooling.global_pool import GlobalAvgPool, GlobalMaxPool
from backprop_jax.layers.pooling.max_pool import MaxPool

__all__ = ["AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "GlobalAvgPool", "GlobalMaxPool", "MaxPool"]
