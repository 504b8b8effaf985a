"""Nesterov momentum from the difference between one gradient and the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

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
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByAdanState(NamedTuple):
    """Averages of the gradient, its differences and the squared look-ahead; the last gradient; steps taken."""

    m: PyTree
    v: PyTree
    n: PyTree
    g: PyTree
    t: jax.Array


@dataclass(frozen=True)
class scale_by_adan(Leafwise):
    """Adam with the gradient's trend: how it changed since the last step goes into the average and into the divisor.

        d  = g - (the last g), at the first step 0
        m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) d,   n <- b3 n + (1 - b3) |g + (1 - b2) d|^2
        u  = (m / (1 - b1^t) + (1 - b2) v / (1 - b2^t)) / (sqrt(n / (1 - b3^t) + eps_root) + eps)

    State:  `ScaleByAdanState(m, v, n, g, t)`: m, v, n and the last gradient g like the parameters, t int32.
    Raises: ValueError if b1, b2 or b3 is outside [0, 1), or eps or eps_root is negative; at update if updates and state
            differ in structure or shape.
    Source: Xie et al., 2022, arXiv:2208.06677v4, algorithm 1, where b is 1 - b here, with Adam's corrections.
    """

    renews = ("m", "v", "n", "g")

    b1: Scalar = 0.98
    b2: Scalar = 0.92
    b3: Scalar = 0.99
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2", "b3")
        require_epsilons(self, "eps", "eps_root")

    def init(self, params: PyTree) -> ScaleByAdanState:
        m, v, n, g = (zeros_like(params) for _ in range(4))
        return ScaleByAdanState(m, v, n, g, t=first_count())

    def plan(self, updates: PyTree, state: ScaleByAdanState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.t)
        ahead = 1 - self.b2
        divisor = corrected_divisor(self.b3, count, self.eps, self.eps_root)
        scalars = _Scalars(
            is_first=state.t == 0,
            ahead=ahead,
            m=corrected_mean(self.b1, count, divisor.factor),
            v=corrected_mean(self.b2, count, divisor.factor * ahead),
            n=average(self.b3),
            divisor=divisor,
        )
        return Plan(_rule, scalars, state._replace(t=count))


class _Scalars(NamedTuple):
    is_first: jax.Array
    ahead: Scalar
    m: Direction
    v: Direction
    n: Average
    divisor: Divisor


def _rule(
    gradient: jax.Array, m: jax.Array, v: jax.Array, n: jax.Array, last: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, ...]:
    difference = jnp.where(scalars.is_first, 0.0, gradient - last)
    mean, m = scalars.m.of(gradient, m)
    trend, v = scalars.v.of(difference, v)
    n = scalars.n.of(abs_squared(gradient + scalars.ahead * difference), real_part(n))
    return (mean + trend) / scalars.divisor.of(n), m, v, n, gradient
