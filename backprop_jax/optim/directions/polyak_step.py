"""Polyak's step size: as long as the objective is high and the gradient small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from backprop_jax.optim.arguments import require_extra
from backprop_jax.optim.directions.inner_products import squared_norm
from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, multiply, widen
from backprop_jax.optim.transform import Leafwise, Plan

_TINY = jnp.finfo(float).eps


@dataclass(frozen=True)
class scale_by_polyak(Leafwise):
    """Scale the gradient, taken as one vector, by Polyak's step size.

        u = g min((f - f_min) / (|g|^2 + eps), max_learning_rate),   u = 0 where |g|^2 + eps <= 2.2e-16

    f is the objective: update(updates, state, params, value=value). f_min is the lowest value that it can take. The
    variant "sps+" takes the gap f - f_min as 0 where it is negative, "sps" as it is.

    State:  none.
    Raises: ValueError for an unknown variant, max_learning_rate not above 0, or a negative eps; TypeError at update if
            value is missing.
    Source: Loizou et al., 2021, arXiv:2002.10542; "sps+": Garrigos, Gower & Schaipp, 2023, arXiv:2307.14528.
    """

    elementwise = False
    reads_all_updates = True

    f_min: Scalar = 0.0
    max_learning_rate: Scalar = 1.0
    eps: Scalar = 0.0
    variant: str = "sps"

    def __post_init__(self) -> None:
        require_positive(self, "max_learning_rate", "1 is usual: it bounds the step size")
        require_non_negative(self, "eps", "0 is usual: it keeps the divisor off zero")
        if self.variant not in ("sps", "sps+"):
            raise ValueError(
                f"scale_by_polyak: variant must be 'sps' or 'sps+', got {self.variant!r}; 'sps+' never goes uphill"
            )

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        [value] = require_extra(self, extra, "value")
        gap = widen(value) - self.f_min
        if self.variant == "sps+":
            gap = jnp.maximum(gap, 0.0)
        divisor = squared_norm(updates) + self.eps
        is_flat = divisor <= _TINY
        step_size = jnp.minimum(gap / jnp.where(is_flat, 1.0, divisor), self.max_learning_rate)
        return Plan(multiply, jnp.where(is_flat, 0.0, step_size), state)
