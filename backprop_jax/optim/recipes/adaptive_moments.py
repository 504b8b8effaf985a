"""Adam and its closest relatives: with decoupled weight decay, with Nesterov momentum, rectified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.adaptive_moments import scale_by_adam, scale_by_radam
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def adam(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
) -> chain:
    """Adam: steps of about the learning rate in every coordinate, whatever the scale of its gradient.

        p <- p - learning_rate u,   u as in `scale_by_adam`

    State:  that of `scale_by_adam`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, b1 or b2 outside [0, 1), a negative eps or eps_root.
    Source: Kingma & Ba, 2015, arXiv:1412.6980.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


def adamw(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    *,
    nesterov: bool = False,
) -> chain:
    """Adam with decoupled weight decay: parameters shrink by a share of their own, not through the gradient.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_adam`

    `mask` says which leaves decay, as in `add_decayed_weights`.

    State:  that of `scale_by_adam`, of `add_decayed_weights`, and the step count if learning_rate is a schedule.
    Raises: as `adam`; at update ValueError if `params` is missing or `mask` does not fit it.
    Source: Loshchilov & Hutter, 2019, arXiv:1711.05101, algorithm 2, with the learning rate scaling the decay too.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def nadam(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
) -> chain:
    """Adam with Nesterov momentum: `adam` with nesterov=True.

        p <- p - learning_rate u,   u as in `scale_by_adam` with nesterov

    State:  as `adam`.
    Raises: as `adam`.
    Source: Dozat, 2016, "Incorporating Nesterov Momentum into Adam", as optax has it, without b2 on nu.
    """
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def nadamw(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    *,
    nesterov: bool = True,
) -> chain:
    """Adam with Nesterov momentum and decoupled weight decay: `adamw` with nesterov=True.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_adam` with nesterov

    State:  as `adamw`.
    Raises: as `adamw`.
    Source: Dozat, 2016, and Loshchilov & Hutter, 2019, arXiv:1711.05101.
    """
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov)


def radam(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    threshold: Scalar = 5.0,
    *,
    nesterov: bool = False,
) -> chain:
    """Rectified Adam: a warm-up of its own, by how much can be known of the variance at each step.

        p <- p - learning_rate u,   u as in `scale_by_radam`

    State:  that of `scale_by_radam`, and the step count if learning_rate is a schedule.
    Raises: as `adam`.
    Source: Liu et al., 2020, arXiv:1908.03265.
    """
    return chain(
        scale_by_radam(b1, b2, eps, eps_root, threshold, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )
