"""Gradient descent, with and without momentum."""

from __future__ import annotations

from typing import Any

from backprop_jax.optim.combining import chain, identity
from backprop_jax.optim.directions.momentum import trace
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def sgd(
    learning_rate: ScalarOrSchedule,
    momentum: Scalar | None = None,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
) -> chain:
    """Stochastic gradient descent, with momentum if it is given.

        t <- g + momentum t,   p <- p - learning_rate t

    State:  that of `trace` if momentum is given, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, or a momentum outside [0, 1].
    Source: Polyak, 1964; nesterov: Nesterov, 1983, in the form of Sutskever et al., 2013.
    """
    direction = identity() if momentum is None else trace(momentum, nesterov, accumulator_dtype)
    return chain(direction, scale_by_learning_rate(learning_rate))
