"""Recipes for min-max games, where plain gradients go in circles."""

from __future__ import annotations

import warnings
from typing import Any

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.adaptive_moments import scale_by_adam
from backprop_jax.optim.directions.optimism import scale_by_optimistic_gradient
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def optimistic_gradient_descent(learning_rate: ScalarOrSchedule, alpha: Scalar = 1.0, beta: Scalar = 1.0) -> chain:
    """Gradient descent that takes the next gradient to change as this one did.

        p <- p - learning_rate (alpha g + beta (g - g of the last step))

    State:  that of `scale_by_optimistic_gradient`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, alpha or beta.
    Source: Mokhtari, Ozdaglar & Pattathil, 2019, arXiv:1901.08511, section 4.
    """
    return chain(scale_by_optimistic_gradient(alpha, beta), scale_by_learning_rate(learning_rate))


def optimistic_adam_v2(
    learning_rate: ScalarOrSchedule,
    *,
    alpha: Scalar = 1.0,
    beta: Scalar = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    nesterov: bool = True,
) -> chain:
    """Adam whose direction is taken to change as it did in the last step.

        p <- p - learning_rate (alpha u + beta (u - u of the last step)),   u as in `scale_by_adam`

    State:  those of `scale_by_adam` and `scale_by_optimistic_gradient`, and the step count if learning_rate is a
            schedule.
    Raises: as `adam`; ValueError for a negative or NaN alpha or beta.
    Source: Daskalakis et al., 2017, arXiv:1711.00141, algorithm 1.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_optimistic_gradient(alpha, beta),
        scale_by_learning_rate(learning_rate),
    )


def optimistic_adam(
    learning_rate: Scalar,
    optimism: Scalar | None = None,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
) -> chain:
    """Deprecated, as in optax: `optimistic_adam_v2` with the learning rate as alpha and `optimism` as beta.

        p <- p - learning_rate u - optimism (u - u of the last step),   u as in `scale_by_adam`

    `optimism` is the learning rate if it is not given.

    State:  those of `scale_by_adam` and `scale_by_optimistic_gradient`.
    Raises: ValueError if learning_rate is a schedule, or negative or NaN; otherwise as `optimistic_adam_v2`.
    Source: Daskalakis et al., 2017, arXiv:1711.00141, algorithm 1.
    """
    warnings.warn("`optimistic_adam` is deprecated, use `optimistic_adam_v2` instead", DeprecationWarning, stacklevel=2)
    if callable(learning_rate):
        raise ValueError(
            f"optimistic_adam: learning_rate must be a number, got {learning_rate!r}; "
            "optimistic_adam_v2 takes a schedule"
        )
    beta = learning_rate if optimism is None else optimism
    return optimistic_adam_v2(
        1.0,
        alpha=learning_rate,
        beta=beta,
        b1=b1,
        b2=b2,
        eps=eps,
        eps_root=eps_root,
        mu_dtype=mu_dtype,
        nesterov=nesterov,
    )
