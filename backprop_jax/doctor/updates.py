"""Updates that are too large or too small for what they are added to."""

import math
from collections.abc import Sequence

import numpy as np

from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.gradients import by_epoch
from backprop_jax.doctor.rows import LayerHealth

__all__ = ["large_updates", "small_updates", "update_ratios"]

LARGE = 0.1
SMALL = 1e-5
MEASURE = "the norm of an update over that of the parameters, median of the layers"
SOURCE = "CS231n, Stanford, notes on neural networks 3 (about 0.001 is usual); the limits, a factor of 100, are ours"


def large_updates(health: Sequence[LayerHealth]) -> Finding | None:
    """By the median over the epochs."""
    ratios = list(update_ratios(health).values())
    figure = float(np.median(ratios)) if ratios else math.nan
    if not figure > LARGE:
        return None
    advice = "a learning rate ten times lower: tuning.learning_rate_range suggests one"
    return Finding("learning rate too high", "updates", MEASURE, figure, LARGE, SOURCE, advice)


def small_updates(health: Sequence[LayerHealth]) -> Finding | None:
    """By the largest of the epochs: a schedule may end at 0, and gradients fall where all is learned."""
    figure = max(update_ratios(health).values(), default=math.nan)
    if not figure < SMALL:
        return None
    advice = "a learning rate ten times higher: tuning.learning_rate_range suggests one"
    return Finding("learning rate too low", "updates", MEASURE, figure, SMALL, SOURCE, advice)


def update_ratios(health: Sequence[LayerHealth]) -> dict[int, float]:
    """Of each epoch the median of its layers, without those that do not change or are 0."""
    ratios = {}
    for layers in by_epoch(health):
        told = [row.update_ratio for row in layers.values() if row.update_ratio > 0]
        if told:
            ratios[next(iter(layers.values())).epoch] = float(np.median(told))
    return ratios
