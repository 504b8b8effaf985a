"""The optimizers people ask for by name, as chains of transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop_jax.optim.adaptive_moments import scale_by_adam
from backprop_jax.optim.combining import chain, identity
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.momentum import trace
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules import ScalarOrSchedule
from backprop_jax.optim.weight_decay import add_decayed_weights


def sgd(
    learning_rate: ScalarOrSchedule,
    momentum: Scalar | None = None,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
) -> chain:
    """Stochastic gradient descent, with momentum if it is given.

        t <- g + momentum t,   p <- p - learning_rate t

    State:  that of `trace` if momentum is given, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, or a momentum outside [0, 1).
    Source: Polyak, 1964; nesterov: Nesterov, 1983, in the form of Sutskever et al., 2013.
    """
    direction = identity() if momentum is None else trace(momentum, nesterov, accumulator_dtype)
    return chain(direction, scale_by_learning_rate(learning_rate))


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
