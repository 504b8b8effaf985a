"""Relatives of Adam with another second moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.second_moments import (
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_belief,
    scale_by_yogi,
)
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def amsgrad(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> chain:
    """AMSGrad: Adam whose step size in a coordinate never grows again.

        p <- p - learning_rate u,   u as in `scale_by_amsgrad`

    State:  that of `scale_by_amsgrad`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, b1 or b2 outside [0, 1), a negative eps or eps_root.
    Source: Reddi et al., 2018, arXiv:1904.09237.
    """
    return chain(
        scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu),
        scale_by_learning_rate(learning_rate),
    )


def adabelief(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-16,
    eps_root: Scalar = 1e-16,
    *,
    nesterov: bool = False,
) -> chain:
    """AdaBelief: large steps where gradients are as expected, small ones where they are not.

        p <- p - learning_rate u,   u as in `scale_by_belief`

    State:  that of `scale_by_belief`, and the step count if learning_rate is a schedule.
    Raises: as `amsgrad`.
    Source: Zhuang et al., 2020, arXiv:2010.07468.
    """
    return chain(
        scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


def yogi(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-3,
) -> chain:
    """Yogi: Adam whose step sizes grow slowly where gradients have become small.

        p <- p - learning_rate u,   u as in `scale_by_yogi`

    State:  that of `scale_by_yogi`, and the step count if learning_rate is a schedule.
    Raises: as `amsgrad`.
    Source: Zaheer et al., 2018, "Adaptive Methods for Nonconvex Optimization".
    """
    return chain(scale_by_yogi(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamax(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
) -> chain:
    """Adamax: Adam in the maximum norm.

        p <- p - learning_rate u,   u as in `scale_by_adamax`

    State:  that of `scale_by_adamax`, and the step count if learning_rate is a schedule.
    Raises: as `amsgrad`.
    Source: Kingma & Ba, 2015, arXiv:1412.6980, algorithm 2.
    """
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamaxw(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """Adamax with decoupled weight decay.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_adamax`

    `mask` says which leaves decay, as in `add_decayed_weights`.

    State:  that of `scale_by_adamax`, of `add_decayed_weights`, and the step count if learning_rate is a schedule.
    Raises: as `amsgrad`; at update ValueError if `params` is missing or `mask` does not fit it.
    Source: Kingma & Ba, 2015, arXiv:1412.6980, algorithm 2; Loshchilov & Hutter, 2019, arXiv:1711.05101.
    """
    return chain(
        scale_by_adamax(b1, b2, eps),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
