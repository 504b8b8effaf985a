"""Losses: layers without parameters whose input is `(prediction, target)`."""

from backprop_jax.losses.binary import BinaryCrossEntropy, Hinge
from backprop_jax.losses.cross_entropy import CrossEntropy
from backprop_jax.losses.ctc import CTC
from backprop_jax.losses.kl_divergence import KLDivergence
from backprop_jax.losses.linear_cross_entropy import LinearCrossEntropy
from backprop_jax.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = [
    "CTC",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LinearCrossEntropy",
    "MeanAbsoluteError",
    "MeanSquaredError",
]
