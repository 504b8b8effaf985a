"""Sequences: what carries something from one step to the next."""

from backprop_jax.layers.recurrent.lstm import LSTMCarry, LSTMCell
from backprop_jax.layers.recurrent.padded import Padded

__all__ = ["LSTMCarry", "LSTMCell", "Padded"]
