"""Recipes that change what Adam divides by, or what it divides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.delayed_moments import fourth_root, scale_by_adopt
from backprop_jax.optim.directions.mixed_gradient import scale_by_simplified_ademamix
from backprop_jax.optim.directions.mixed_momentum import scale_by_ademamix
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def adopt(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.9999,
    eps: Scalar = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[[jax.Array], jax.Array] = fourth_root,
) -> chain:
    """ADOPT: Adam with a divisor that has not seen the gradient it divides, so that it converges with any b2.

        p <- p - learning_rate u,   u as in `scale_by_adopt`

    State:  that of `scale_by_adopt`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, b1 or b2 outside [0, 1), or an eps that is not above 0.
    Source: Taniguchi et al., 2024, arXiv:2411.02853.
    """
    direction = scale_by_adopt(
        b1, b2, eps, mu_dtype, nesterov=nesterov, use_clipping=use_clipping, clip_value_fn=clip_value_fn
    )
    return chain(direction, scale_by_learning_rate(learning_rate))


def ademamix(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    b3: ScalarOrSchedule = 0.9999,
    alpha: ScalarOrSchedule = 5.0,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """AdEMAMix: AdamW with a share of a second, much slower average of the gradients.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_ademamix`

    `mask` says which leaves decay, as in `add_decayed_weights`.

    State:  that of `scale_by_ademamix`, of `add_decayed_weights`, and the step count if learning_rate is a schedule.
    Raises: as `scale_by_ademamix`; ValueError for a negative or NaN learning rate; at update if `params` is missing.
    Source: Pagliardini et al., 2024, arXiv:2409.03137, where alpha and b3 are schedules.
    """
    return chain(
        scale_by_ademamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def simplified_ademamix(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.99,
    b2: Scalar = 0.95,
    alpha: ScalarOrSchedule = 0.0,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """AdEMAMix with one decaying sum: its dividend is that sum and a share of the gradient itself.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_simplified_ademamix`

    A sum, not an average: its steps are about 1 / (1 - b1) times as long as Adam's. `mask` says which leaves decay.

    State:  that of `scale_by_simplified_ademamix`, of `add_decayed_weights`, and the step count if learning_rate is a
            schedule.
    Raises: as `scale_by_simplified_ademamix`; ValueError for a negative or NaN learning rate; at update if `params` is
            missing.
    Source: Morwani et al., 2025, arXiv:2502.02431.
    """
    return chain(
        scale_by_simplified_ademamix(b1, b2, alpha, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
