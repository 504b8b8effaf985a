"""A cell over the steps of sequences."""

from backprop_jax.combinators.recurrent.recurrent import Recurrent, recurrent, remat_steps

__all__ = ["Recurrent", "recurrent", "remat_steps"]
