"""Sequences: what carries something from one step to the next."""

from backprop_jax.layers.recurrent.padded import Padded

__all__ = ["Padded"]
