"""Fewer bytes between the forward and the backward pass, at an error that is told."""

from backprop_jax.harvest.residuals.few_bits import FewBits, OneBitReLU, few_bits
from backprop_jax.harvest.residuals.quantized import Quantized, quantized
from backprop_jax.harvest.residuals.reversible import Reversible, reversible

__all__ = ["FewBits", "OneBitReLU", "Quantized", "Reversible", "few_bits", "quantized", "reversible"]
