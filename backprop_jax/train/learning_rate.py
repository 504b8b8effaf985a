"""The learning rate of a step, as logs tell it."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

__all__ = ["Rate", "rate_of_step"]

Rate = float | Callable[[Any], Any]  # a schedule: the rate after so many updates


def rate_of_step(learning_rate: Rate) -> Callable[[int], float]:
    """The rate by the number of a step, which counts from 1, where each step is an update."""
    if not callable(learning_rate):
        rate = float(learning_rate)
        return lambda step: rate
    compiled = jax.jit(learning_rate)  # operation by operation it takes as long as a small model's step
    return lambda step: float(compiled(np.int32(step - 1)))
