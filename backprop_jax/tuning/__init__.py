"""Hyper-parameters: which to try, many at once, and what came of it."""

from backprop_jax.tuning.ensembles import Ensemble, ensemble
from backprop_jax.tuning.folds import CrossValidation, cross_validate
from backprop_jax.tuning.learning_rate_range import RangeTest, learning_rate_range
from backprop_jax.tuning.scores import error_rate, held_out_loss
from backprop_jax.tuning.search import search
from backprop_jax.tuning.space import LogUniform, OneOf, Uniform, draw, grid
from backprop_jax.tuning.successive_halving import Halving, Rung, successive_halving
from backprop_jax.tuning.sweep import Sweep, sweep

__all__ = [
    "CrossValidation",
    "Ensemble",
    "Halving",
    "LogUniform",
    "OneOf",
    "RangeTest",
    "Rung",
    "Sweep",
    "Uniform",
    "cross_validate",
    "draw",
    "ensemble",
    "error_rate",
    "grid",
    "held_out_loss",
    "learning_rate_range",
    "search",
    "successive_halving",
    "sweep",
]
