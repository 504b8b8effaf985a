"""Recipes whose steps are in proportion to the norm of the leaf that they change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.adaptive_moments import scale_by_adam
from backprop_jax.optim.directions.momentum import trace
from backprop_jax.optim.directions.parameter_norms import scale_by_trust_ratio
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule, Schedule
from backprop_jax.optim.wrappers.masking import masked


def lars(
    learning_rate: ScalarOrSchedule,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: PyTree | Callable[[PyTree], PyTree] = True,
    trust_coefficient: Scalar = 0.001,
    eps: Scalar = 0.0,
    trust_ratio_mask: PyTree | Callable[[PyTree], PyTree] = True,
    momentum: Scalar = 0.9,
    nesterov: bool = False,
) -> chain:
    """LARS: momentum SGD for large batches, each leaf stepping in proportion to its norm.

        g <- g + weight_decay p,   t <- momentum t - learning_rate trust_coefficient g |p| / (|g| + eps),   p <- p + t

    The masks say which leaves decay, and which are scaled by their norm; see `masked`.

    State:  those of `add_decayed_weights`, `masked`, the learning rate and `trace`.
    Raises: ValueError for a negative or NaN learning rate, a negative eps, or a momentum outside [0, 1]; at update if
            `params` is missing or a mask does not fit.
    Source: You, Gitman & Ginsburg, 2017, arXiv:1708.03888, algorithm 1.
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        masked(scale_by_trust_ratio(trust_coefficient=trust_coefficient, eps=eps), trust_ratio_mask),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )


def lamb(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    eps_root: Scalar = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> chain:
    """LAMB: AdamW for large batches, each leaf stepping in proportion to its norm.

        r = u + weight_decay p, with u as in `scale_by_adam`,   p <- p - learning_rate r |p| / |r|

    `mask` says which leaves decay, as in `add_decayed_weights`.

    State:  those of `scale_by_adam`, `add_decayed_weights`, `scale_by_trust_ratio` and the learning rate.
    Raises: as `adamw`.
    Source: You et al., 2019, arXiv:1904.00962, algorithm 2.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_trust_ratio(),
        scale_by_learning_rate(learning_rate),
    )


def fromage(learning_rate: ScalarOrSchedule, min_norm: Scalar = 1e-6) -> chain:
    """Fromage: every leaf moves by the same share of its norm, and is then drawn in so that norms do not grow.

        p <- (p - learning_rate g |p| / |g|) / sqrt(1 + learning_rate^2),   both norms at least min_norm

    State:  with a schedule, its step count twice.
    Raises: ValueError for a negative or NaN learning rate, or a negative min_norm; at update if `params` is missing.
    Source: Bernstein et al., 2020, arXiv:2002.03432, algorithm 1.
    """
    if callable(learning_rate):
        rate, decay = _Rate(learning_rate), _Decay(learning_rate)
    else:
        rate, decay = _rate(learning_rate), _decay(learning_rate)
    return chain(scale_by_trust_ratio(min_norm), scale_by_learning_rate(rate), add_decayed_weights(decay))


@dataclass(frozen=True)
class _Rate:
    """Fromage's factor of the update, with a schedule."""

    learning_rate: Schedule

    def __call__(self, count: Scalar) -> Scalar:
        return _rate(self.learning_rate(count))


@dataclass(frozen=True)
class _Decay:
    """Fromage's factor of the parameter, less 1, with a schedule."""

    learning_rate: Schedule

    def __call__(self, count: Scalar) -> Scalar:
        return _decay(self.learning_rate(count))


def _rate(learning_rate: Scalar) -> Scalar:
    return learning_rate / (1 + learning_rate**2) ** 0.5


def _decay(learning_rate: Scalar) -> Scalar:
    # 1 / root - 1, without the difference of two numbers near 1
    root = (1 + learning_rate**2) ** 0.5
    return -(learning_rate**2) / (root * (1 + root))
