"""Attention: every step looks at the others."""

from backprop_jax.layers.attention.cross_attention import CrossAttention
from backprop_jax.layers.attention.dot_product import DotProductAttention
from backprop_jax.layers.attention.packed import Packed
from backprop_jax.layers.attention.positions import PositionEmbedding, SinusoidalPositions
from backprop_jax.layers.attention.rotary import RotaryEmbedding
from backprop_jax.layers.attention.self_attention import SelfAttention
from backprop_jax.layers.attention.visibility import Visibility

__all__ = [
    "CrossAttention",
    "DotProductAttention",
    "Packed",
    "PositionEmbedding",
    "RotaryEmbedding",
    "SelfAttention",
    "SinusoidalPositions",
    "Visibility",
]
