"""Normalization by mean and variance."""

from backprop_jax.layers.normalization.layer_norm import LayerNorm
from backprop_jax.layers.normalization.rms_norm import RMSNorm

__all__ = ["LayerNorm", "RMSNorm"]
