"""Optimizers that need no learning-rate schedule but a warm-up."""

from __future__ import annotations

from typing import Any

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.squared_gradients import scale_by_rms
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.recipes.momentum import sgd
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule
from backprop_jax.optim.schedules.warmup import warmup_constant_schedule
from backprop_jax.optim.wrappers.averaged_iterates import schedule_free


def schedule_free_sgd(
    learning_rate: Scalar = 1.0,
    warmup_steps: int | None = None,
    b1: Scalar = 0.9,
    weight_decay: Scalar | None = None,
    weight_lr_power: Scalar = 2.0,
    state_dtype: Any = None,
) -> schedule_free:
    """Schedule-free stochastic gradient descent, with a linear warm-up and weight decay if they are given.

        z <- z - learning_rate (g + weight_decay y),   x and y as in `schedule_free`

    State:  that of `schedule_free`.
    Raises: as `schedule_free`; ValueError for a negative or NaN learning rate.
    Source: Defazio et al., 2024, arXiv:2405.15682, algorithm of section 4.1 for SGD.
    """
    rate = _warmed_up(learning_rate, warmup_steps)
    optimizer = sgd(rate) if weight_decay is None else chain(add_decayed_weights(weight_decay), sgd(rate))
    return schedule_free(optimizer, rate, b1, weight_lr_power, state_dtype)


def schedule_free_adamw(
    learning_rate: Scalar = 0.0025,
    warmup_steps: int | None = None,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    weight_lr_power: Scalar = 2.0,
    state_dtype: Any = None,
) -> schedule_free:
    """Schedule-free AdamW, with a linear warm-up if it is given; `b1` takes the place of momentum.

        nu <- b2 nu + (1 - b2) |g|^2,   z <- z - learning_rate (g / (sqrt(nu / (1 - b2^t)) + eps) + weight_decay y)
        x and y as in `schedule_free`

    State:  that of `schedule_free`.
    Raises: as `schedule_free`; ValueError for a negative or NaN learning rate, b2 outside [0, 1), or a negative eps.
    Source: Defazio et al., 2024, arXiv:2405.15682, algorithm 1, with the averages weighted by the learning rate.
    """
    rate = _warmed_up(learning_rate, warmup_steps)
    optimizer = chain(
        scale_by_rms(b2, eps, eps_in_sqrt=False, bias_correction=True),
        add_decayed_weights(weight_decay),
        scale_by_learning_rate(rate),
    )
    return schedule_free(optimizer, rate, b1, weight_lr_power, state_dtype)


def _warmed_up(learning_rate: Scalar, warmup_steps: int | None) -> ScalarOrSchedule:
    scale_by_learning_rate(learning_rate)  # which refuses a wrong one; a schedule would let it pass
    # A warm-up of no steps would stay at its start, which is 0.
    return warmup_constant_schedule(0.0, learning_rate, warmup_steps) if warmup_steps else learning_rate
