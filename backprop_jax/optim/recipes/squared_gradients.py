"""Optimizers that rescale gradients by their past squares: Adagrad, RMSProp, Adadelta."""

from __future__ import annotations

from collections.abc import Callable

from backprop_jax.optim.combining import chain, identity
from backprop_jax.optim.directions.momentum import trace
from backprop_jax.optim.directions.squared_gradients import (
    scale_by_adadelta,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
)
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def adagrad(
    learning_rate: ScalarOrSchedule,
    initial_accumulator_value: Scalar = 0.1,
    eps: Scalar = 1e-7,
) -> chain:
    """Adagrad: steps that shrink in each coordinate with all its gradients so far.

        p <- p - learning_rate u,   u as in `scale_by_rss`

    State:  that of `scale_by_rss`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, a negative initial_accumulator_value or eps.
    Source: Duchi, Hazan & Singer, 2011, "Adaptive Subgradient Methods", JMLR 12.
    """
    return chain(scale_by_rss(initial_accumulator_value, eps), scale_by_learning_rate(learning_rate))


def rmsprop(
    learning_rate: ScalarOrSchedule,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Scalar | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> chain:
    """RMSProp: gradients over the root of their average square or, if centered, over their standard deviation.

        t <- momentum t - learning_rate u,   p <- p + t,   u as in `scale_by_rms` or, if centered, `scale_by_stddev`

    State:  that of `scale_by_rms` or `scale_by_stddev`, the step count if learning_rate is a schedule, and that of
            `trace` if momentum is given.
    Raises: ValueError for a negative or NaN learning rate, decay outside [0, 1), momentum outside [0, 1], a negative
            eps or initial_scale.
    Source: Tieleman & Hinton, 2012, Coursera lecture 6.5; centered and momentum: Graves, 2013, arXiv:1308.0850.
    """
    rescale = scale_by_stddev if centered else scale_by_rms
    return chain(
        rescale(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )


def adadelta(
    learning_rate: ScalarOrSchedule | None = None,
    rho: Scalar = 0.9,
    eps: Scalar = 1e-6,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """Adadelta: steps of the size of past steps, with no learning rate to choose.

        p <- p - learning_rate u,   u as in `scale_by_adadelta` of g + weight_decay p

    Without a learning rate, p <- p + u: uphill, as in optax, so that `scale(-1.0)` must follow.
    `weight_decay_mask` says which leaves decay, as in `add_decayed_weights`.

    State:  that of `add_decayed_weights`, of `scale_by_adadelta`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, rho outside [0, 1), a negative eps; at update if `params`
            is missing or `weight_decay_mask` does not fit it.
    Source: Zeiler, 2012, arXiv:1212.5701.
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )
