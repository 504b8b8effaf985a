"""Clip updates unit by unit, by the norm of the unit's parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, abs_squared
from backprop_jax.optim.transform import Leafwise, Plan


@dataclass(frozen=True)
class adaptive_grad_clip(Leafwise):
    """Shorten each unit of the updates to a length of at most clipping times that of its parameters.

        u = g min(1, m / |g|),   m = clipping max(|p|, eps)   with the norms |.| over a unit

    A unit is what feeds one output: norms go over `axis`, or by the number of axes over all (1, and any shape that has
    but one axis longer than 1), 0 (2 and 3), 0-2 (4) or 0-3 (5).

    State:  none.
    Raises: ValueError if clipping is not above 0 or eps is negative; at update if `params` is missing or does not fit,
            or if a parameter has more than 5 axes and `axis` is None.
    Source: Brock et al., 2021, arXiv:2102.06171, section 4.
    """

    elementwise = False
    reads_params = True

    clipping: Scalar
    eps: Scalar = 1e-3
    axis: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        require_positive(self, "clipping", "0.01 is usual; leave the transform out to clip nothing")
        require_non_negative(self, "eps", "1e-3 is usual: the length that shorter parameters are taken to have")
        if not (self.axis is None or isinstance(self.axis, int)):
            object.__setattr__(self, "axis", tuple(self.axis))

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_ShortenUnits(self.axis), _Bounds(self.clipping, self.eps), state)


class _Bounds(NamedTuple):
    clipping: Scalar
    eps: Scalar


@dataclass(frozen=True)
class _ShortenUnits:
    """The rule, with what must not be traced as its field: equal ones are traced once."""

    axis: int | tuple[int, ...] | None

    def __call__(self, update: jax.Array, param: jax.Array, bounds: _Bounds) -> jax.Array:
        axis = _axes_of_unit(param.shape) if self.axis is None else self.axis
        length, allowed = (lax.sqrt(jnp.sum(abs_squared(leaf), axis, keepdims=True)) for leaf in (update, param))
        allowed = bounds.clipping * jnp.maximum(allowed, bounds.eps)
        return update * jnp.where(length < allowed, 1.0, allowed / jnp.maximum(length, 1e-6))


def _axes_of_unit(shape: tuple[int, ...]) -> tuple[int, ...]:
    if sum(size != 1 for size in shape) <= 1:
        return tuple(range(len(shape)))
    if len(shape) > 5:
        raise ValueError(
            f"adaptive_grad_clip: which axes of a parameter of shape {shape} form a unit is unknown; pass axis"
        )
    return tuple(range({2: 1, 3: 1, 4: 3, 5: 4}[len(shape)]))
