"""Recipes whose state is much smaller than the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.averaging import ema
from backprop_jax.optim.directions.cover_moments import scale_by_sm3
from backprop_jax.optim.directions.factored_moments import scale_by_factored_rms
from backprop_jax.optim.directions.low_rank_projection import NumbersOrFunction, scale_by_galore
from backprop_jax.optim.directions.parameter_norms import scale_by_param_block_rms
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.clipping import clip_by_block_rms
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale, scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def adafactor(
    learning_rate: ScalarOrSchedule | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Scalar = 0.8,
    decay_offset: Scalar = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Scalar | None = 1.0,
    momentum: Scalar | None = None,
    dtype_momentum: Any = jnp.float32,
    weight_decay_rate: ScalarOrSchedule | None = None,
    eps: Scalar = 1e-30,
    factored: bool = True,
    weight_decay_mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """Adafactor: Adam's divisor from one number for every row and column, and steps relative to the parameter's size.

        u <- g / sqrt(row col / mean(row)),   as in `scale_by_factored_rms`
        u <- learning_rate u / max(1, rms(u) / clipping_threshold) max(rms(p), 1e-3)
        m <- momentum m + (1 - momentum) u,   p <- p - m - weight_decay_rate p

    What is None or False is left out.

    State:  that of `scale_by_factored_rms`; the step count if learning_rate is a schedule; that of `ema`, in
            `dtype_momentum`, if momentum is given; that of `add_decayed_weights` if weight_decay_rate is.
    Raises: ValueError for hyper-parameters that one of these transforms refuses; at update if `params` is missing and
            the parameter's size or decay is wanted.
    Source: Shazeer & Stern, 2018, arXiv:1804.04235, algorithms 4 to 6.
    """
    steps: list[Any] = [scale_by_factored_rms(factored, decay_rate, decay_offset, min_dim_size_to_factor, eps)]
    if clipping_threshold is not None:
        steps.append(clip_by_block_rms(clipping_threshold))
    if learning_rate is not None:
        steps.append(scale_by_learning_rate(learning_rate, flip_sign=False))
    if multiply_by_parameter_scale:
        steps.append(scale_by_param_block_rms())
    if momentum is not None:
        steps.append(ema(momentum, False, dtype_momentum))
    if weight_decay_rate is not None:
        steps.append(add_decayed_weights(weight_decay_rate, weight_decay_mask))
    return chain(*steps, scale(-1))


def sm3(learning_rate: ScalarOrSchedule, momentum: Scalar = 0.9) -> chain:
    """SM3: Adagrad with a bound on the sum of squares from one number for every slice of a parameter.

        p <- p - learning_rate u,   u as in `scale_by_sm3`

    State:  that of `scale_by_sm3`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, a momentum outside [0, 1), or at init for a parameter that
            is complex or has no axes.
    Source: Anil et al., 2019, arXiv:1901.11150, algorithm SM3-II.
    """
    return chain(scale_by_sm3(momentum), scale_by_learning_rate(learning_rate))


def galore(
    learning_rate: ScalarOrSchedule,
    rank: int = 128,
    update_proj_gap: int = 200,
    scale: Scalar = 1.0,
    base_optimizer: Any = None,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    weight_dimension_numbers: NumbersOrFunction | None = None,
) -> chain:
    """GaLore: Adam, or another transform, on the part of each gradient matrix that lies in its main directions.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_galore`

    `base_optimizer` must not need the parameters: weight decay is added here. `mask` says which leaves decay.

    State:  that of `scale_by_galore`, of `add_decayed_weights`, and the step count if learning_rate is a schedule.
    Raises: as `scale_by_galore`; ValueError for a negative or NaN learning rate; at update if `params` is missing.
    Source: Zhao et al., 2024, arXiv:2403.03507.
    """
    return chain(
        scale_by_galore(rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
