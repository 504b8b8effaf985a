"""What is done to gradients while they are made: clipped, compressed, made noisy, frozen, reversed, reconciled."""

from backprop_jax.harvest.in_backward.compressed import Compressor, compress_layers
from backprop_jax.harvest.in_backward.compressors import Int8, OneBit, RandomK, TopK
from backprop_jax.harvest.in_backward.layer_clipping import clip_layers
from backprop_jax.harvest.in_backward.layer_noise import noise_layers
from backprop_jax.harvest.in_backward.reconciled import pcgrad, reconciled_value_and_grad
from backprop_jax.harvest.in_backward.reverse_gradient import ReverseGradient
from backprop_jax.harvest.in_backward.without_gradient import freeze

__all__ = [
    "Compressor",
    "Int8",
    "OneBit",
    "RandomK",
    "ReverseGradient",
    "TopK",
    "clip_layers",
    "compress_layers",
    "freeze",
    "noise_layers",
    "pcgrad",
    "reconciled_value_and_grad",
]
