"""Steps in proportion to the size of the parameter that they change, leaf by leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, abs_squared
from backprop_jax.optim.transform import Leafwise, Plan


@dataclass(frozen=True)
class scale_by_trust_ratio(Leafwise):
    """Multiply the update of a leaf by the ratio of the parameter's norm to its own.

        u = trust_coefficient g |p| / (|g| + eps),   both norms at least min_norm;   u = g where a norm is 0

    State:  none.
    Raises: ValueError if min_norm or eps is negative; at update if `params` is missing, or differs from updates in
            structure or shape.
    Source: You, Gitman & Ginsburg, 2017, arXiv:1708.03888, section 5; You et al., 2019, arXiv:1904.00962.
    """

    elementwise = False
    reads_params = True

    min_norm: Scalar = 0.0
    trust_coefficient: Scalar = 1.0
    eps: Scalar = 0.0

    def __post_init__(self) -> None:
        require_non_negative(self, "min_norm", "0 is usual: the least value that a norm is taken to have")
        require_non_negative(self, "eps", "0 is usual: it keeps the divisor off zero")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_trust_rule, _TrustScalars(self.min_norm, self.trust_coefficient, self.eps), state)


@dataclass(frozen=True)
class scale_by_param_block_norm(Leafwise):
    """Multiply the update of a leaf by the norm of its parameter: u = g max(|p|, min_scale).

    State:  none.
    Raises: ValueError if min_scale is negative; at update if `params` is missing, or differs from updates in structure
            or shape.
    """

    elementwise = False
    reads_params = True

    min_scale: Scalar = 1e-3

    def __post_init__(self) -> None:
        require_non_negative(self, "min_scale", "1e-3 is usual: it lets a parameter leave zero")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_norm_rule, self.min_scale, state)


@dataclass(frozen=True)
class scale_by_param_block_rms(Leafwise):
    """Multiply the update of a leaf by the root mean square of its parameter: u = g max(|p| / sqrt(size), min_scale).

    State:  none.
    Raises: as `scale_by_param_block_norm`.
    Source: Shazeer & Stern, 2018, arXiv:1804.04235, section 8.
    """

    elementwise = False
    reads_params = True

    min_scale: Scalar = 1e-3

    def __post_init__(self) -> None:
        require_non_negative(self, "min_scale", "1e-3 is usual: it lets a parameter leave zero")

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_rms_rule, self.min_scale, state)


def norm_at_least(x: jax.Array, floor: Scalar) -> jax.Array:
    """max(|x|, floor), the norm over all of `x`; where that is the floor, the gradient is 0, also at x = 0."""
    return _root_at_least(_sum_of_squares(x), floor)


def _root_at_least(square: jax.Array, floor: Scalar) -> jax.Array:
    is_below = square <= floor * floor
    return jnp.where(is_below, floor, lax.sqrt(jnp.where(is_below, 1.0, square)))


def _sum_of_squares(x: jax.Array) -> jax.Array:
    return jnp.sum(abs_squared(x))


class _TrustScalars(NamedTuple):
    min_norm: Scalar
    trust_coefficient: Scalar
    eps: Scalar


def _trust_rule(update: jax.Array, param: jax.Array, scalars: _TrustScalars) -> jax.Array:
    param_norm, update_norm = (norm_at_least(x, scalars.min_norm) for x in (param, update))
    is_zero = (param_norm == 0) | (update_norm == 0)
    ratio = scalars.trust_coefficient * param_norm / jnp.where(is_zero, 1.0, update_norm + scalars.eps)
    return update * jnp.where(is_zero, 1.0, ratio)


def _norm_rule(update: jax.Array, param: jax.Array, min_scale: Scalar) -> jax.Array:
    return update * norm_at_least(param, min_scale)


def _rms_rule(update: jax.Array, param: jax.Array, min_scale: Scalar) -> jax.Array:
    return update * _root_at_least(_sum_of_squares(param) / max(param.size, 1), min_scale)
