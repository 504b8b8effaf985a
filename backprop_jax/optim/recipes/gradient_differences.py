"""Adan."""

from __future__ import annotations

from collections.abc import Callable

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.gradient_differences import scale_by_adan
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def adan(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.98,
    b2: Scalar = 0.92,
    b3: Scalar = 0.99,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """Adan: Adam with Nesterov momentum, found from how the gradient changes.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_adan`

    `mask` says which leaves decay, as in `add_decayed_weights`.

    State:  that of `scale_by_adan`, of `add_decayed_weights`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, b1, b2 or b3 outside [0, 1), a negative eps or eps_root; at
            update if `params` is missing or `mask` does not fit it.
    Source: Xie et al., 2022, arXiv:2208.06677, but with plain decay where the paper divides by 1 + learning_rate
            weight_decay.
    """
    return chain(
        scale_by_adan(b1, b2, b3, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
