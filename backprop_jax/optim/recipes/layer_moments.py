"""NovoGrad."""

from __future__ import annotations

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.layer_moments import scale_by_novograd
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def novograd(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.25,
    eps: Scalar = 1e-6,
    eps_root: Scalar = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
) -> chain:
    """NovoGrad: momentum of gradients whose size is taken out leaf by leaf, in half of Adam's memory.

        p <- p - learning_rate u,   u as in `scale_by_novograd`

    State:  that of `scale_by_novograd`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, b1 or b2 outside [0, 1), a negative eps or eps_root; at
            update if `params` is missing or does not fit.
    Source: Ginsburg et al., 2019, arXiv:1905.11286.
    """
    return chain(
        scale_by_novograd(b1, b2, eps, eps_root, weight_decay),
        scale_by_learning_rate(learning_rate),
    )
