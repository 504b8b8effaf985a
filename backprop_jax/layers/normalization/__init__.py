"""Normalization by mean and variance."""

from backprop_jax.layers.normalization.batch_norm import BatchNorm
from backprop_jax.layers.normalization.group_norm import GroupNorm, InstanceNorm
from backprop_jax.layers.normalization.layer_norm import LayerNorm
from backprop_jax.layers.normalization.local_response_norm import LocalResponseNorm
from backprop_jax.layers.normalization.rms_norm import RMSNorm

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]
