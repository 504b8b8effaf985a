"""Recipes whose steps depend on the signs of the gradients and not on their size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.averaging import ema
from backprop_jax.optim.directions.resilient_steps import scale_by_rprop
from backprop_jax.optim.directions.sign_descent import scale_by_lion, scale_by_sign
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale, scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def sign_sgd(learning_rate: ScalarOrSchedule) -> chain:
    """Gradient descent with the signs of the gradient: p <- p - learning_rate sign(g).

    State:  the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate.
    Source: Bernstein et al., 2018, arXiv:1802.04434, algorithm 1.
    """
    return chain(scale_by_sign(), scale_by_learning_rate(learning_rate))


def signum(learning_rate: ScalarOrSchedule, beta: Scalar = 0.9, accumulator_dtype: Any = None) -> chain:
    """Gradient descent with the signs of the average gradient.

        m <- beta m + (1 - beta) g,   p <- p - learning_rate sign(m)

    State:  that of `ema`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, or a beta outside [0, 1).
    Source: Bernstein et al., 2018, arXiv:1802.04434, algorithm 2.
    """
    return chain(ema(beta, False, accumulator_dtype), scale_by_sign(), scale_by_learning_rate(learning_rate))


def lion(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-3,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """Lion: the sign of an average gradient, with decoupled weight decay; half of Adam's state.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_lion`

    Learning rates are 3 to 10 times smaller than AdamW's and weight decays as much larger. `mask` says which leaves
    decay, as in `add_decayed_weights`.

    State:  that of `scale_by_lion`, of `add_decayed_weights`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, b1 or b2 outside [0, 1); at update if `params` is missing or
            `mask` does not fit it.
    Source: Chen et al., 2023, arXiv:2302.06675, algorithm 2.
    """
    return chain(
        scale_by_lion(b1, b2, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
) -> chain:
    """Resilient backpropagation: step sizes that every coordinate finds for itself; for gradients without noise.

        p <- p - u,   u as in `scale_by_rprop`, where `learning_rate` is the first step size

    State:  that of `scale_by_rprop`.
    Raises: as `scale_by_rprop`.
    Source: Riedmiller & Braun, 1993, doi:10.1109/ICNN.1993.298623.
    """
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size), scale(-1.0))
