"""Sequences: what carries something from one step to the next."""

from backprop_jax.layers.recurrent.gru import GRUCell
from backprop_jax.layers.recurrent.lstm import LSTMCarry, LSTMCell
from backprop_jax.layers.recurrent.padded import Padded
from backprop_jax.layers.recurrent.pool_steps import LastStep, MaxSteps, MeanSteps
from backprop_jax.layers.recurrent.rnn import RNNCell

__all__ = ["GRUCell", "LSTMCarry", "LSTMCell", "LastStep", "MaxSteps", "MeanSteps", "Padded", "RNNCell"]
