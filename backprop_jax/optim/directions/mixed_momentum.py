"""Adam's rescaling of a mixture: an average of gradients, and beside it a much slower one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.directions.moments import (
    Average,
    Direction,
    Divisor,
    average,
    corrected_divisor,
    corrected_mean,
    real_part,
    require_decays,
    require_epsilons,
)
from backprop_jax.optim.hyperparameters import Scalar, dtype_name
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.schedules.basic import ScalarOrSchedule
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByAdemamixState(NamedTuple):
    """Steps taken, also by the slow average; the fast and the slow average; the average square."""

    count: jax.Array
    count_m2: jax.Array
    m1: PyTree
    m2: PyTree
    nu: PyTree


@dataclass(frozen=True)
class scale_by_ademamix(Leafwise):
    """As `scale_by_adam`, with a share of a slow average of the gradients in the dividend.

        m1 <- b1 m1 + (1 - b1) g,   m2 <- b3 m2 + (1 - b3) g,   nu <- b2 nu + (1 - b2) |g|^2
        u  = (m1 / (1 - b1^t) + alpha m2) / (sqrt(nu / (1 - b2^t) + eps_root) + eps)

    b3 and alpha may be schedules; they start at t = 0.

    State:  `ScaleByAdemamixState(count, count_m2, m1, m2, nu)`: counts int32, the rest like the parameters, m1 and m2
            in `mu_dtype` if given.
    Raises: ValueError if b1, b2 or a b3 that is a number is outside [0, 1), or eps or eps_root is negative; at update
            if updates and state differ in structure or shape.
    Source: Pagliardini et al., 2024, arXiv:2409.03137, algorithm 1.
    """

    renews = ("m1", "m2", "nu")

    b1: Scalar = 0.9
    b2: Scalar = 0.999
    b3: ScalarOrSchedule = 0.9999
    alpha: ScalarOrSchedule = 6.0
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0
    mu_dtype: Any = None

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2", *([] if callable(self.b3) else ["b3"]))
        require_epsilons(self, "eps", "eps_root")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def init(self, params: PyTree) -> ScaleByAdemamixState:
        m1, m2 = (zeros_like(params, self.mu_dtype) for _ in range(2))
        # Not in mu_dtype, as at first in optax: in bfloat16 a share of 0.999 is 1, and nu would only ever grow.
        return ScaleByAdemamixState(first_count(), first_count(), m1, m2, zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByAdemamixState, params: PyTree, **extra: Any) -> Plan:
        b3 = self.b3(state.count_m2) if callable(self.b3) else self.b3
        alpha = self.alpha(state.count_m2) if callable(self.alpha) else self.alpha
        count = safe_increment(state.count)
        divisor = corrected_divisor(self.b2, count, self.eps, self.eps_root)
        scalars = _Scalars(
            fast=corrected_mean(self.b1, count, divisor.factor),
            slow=Direction(average(b3), divisor.factor * alpha),
            nu=average(self.b2),
            divisor=divisor,
        )
        return Plan(_rule, scalars, state._replace(count=count, count_m2=safe_increment(state.count_m2)))


class _Scalars(NamedTuple):
    fast: Direction
    slow: Direction
    nu: Average
    divisor: Divisor


def _rule(
    gradient: jax.Array, m1: jax.Array, m2: jax.Array, nu: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    fast, m1 = scalars.fast.of(gradient, m1)
    slow, m2 = scalars.slow.of(gradient, m2)
    nu = scalars.nu.of(abs_squared(gradient), real_part(nu))
    return (fast + slow) / scalars.divisor.of(nu), m1, m2, nu
