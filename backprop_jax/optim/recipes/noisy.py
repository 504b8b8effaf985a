"""Recipes that add noise to the gradient."""

from __future__ import annotations

from typing import Any

from backprop_jax.optim.combining import chain
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.limits.noise import add_noise
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def noisy_sgd(
    learning_rate: ScalarOrSchedule,
    eta: Scalar = 0.01,
    gamma: Scalar = 0.55,
    key: Any = None,
    *,
    seed: int | None = None,
) -> chain:
    """Gradient descent with normal noise on the gradient, which fades from step to step.

        p <- p - learning_rate (g + sqrt(eta / t^gamma) n),   t = 1 at the first step

    `key` is a random key or a seed; `seed` is an older name of it.

    State:  that of `add_noise`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate or eta, or if key and seed are both given.
    Source: Neelakantan et al., 2015, arXiv:1511.06807.
    """
    return chain(add_noise(eta, gamma, key, seed=seed), scale_by_learning_rate(learning_rate))
