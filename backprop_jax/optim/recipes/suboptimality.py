"""Optimizers that set their step size by how far the objective is from its lowest value."""

from __future__ import annotations

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.polyak_step import scale_by_polyak
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.recipes.momentum import sgd
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def polyak_sgd(
    max_learning_rate: Scalar = 1.0,
    scaling: ScalarOrSchedule = 1.0,
    f_min: Scalar = 0.0,
    eps: Scalar = 0.0,
    variant: str = "sps",
) -> chain:
    """Gradient descent with Polyak's step size.

        p <- p - u,   u as in `scale_by_polyak`, of the gradient times scaling

        updates, state = optimizer.update(grad, state, params, value=value)

    State:  the step count if scaling is a schedule.
    Raises: ValueError for a negative or NaN scaling, and as `scale_by_polyak`; TypeError at update if value is missing.
    Source: Loizou et al., 2021, arXiv:2002.10542.
    """
    return chain(sgd(scaling), scale_by_polyak(f_min, max_learning_rate, eps, variant))
