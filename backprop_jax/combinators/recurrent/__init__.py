"""A cell over the steps of sequences."""

from backprop_jax.combinators.recurrent.recurrent import Recurrent, recurrent

__all__ = ["Recurrent", "recurrent"]
