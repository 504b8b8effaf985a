"""Adam's rescaling of a mixture: a decaying sum of gradients, and beside it the gradient itself."""

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
    real_part,
    require_decays,
    require_epsilons,
)
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.schedules.basic import ScalarOrSchedule
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleBySimplifiedAdEMAMixState(NamedTuple):
    """Steps taken, the decaying sum of gradients, and the average square."""

    t: jax.Array
    m: PyTree
    n: PyTree


@dataclass(frozen=True)
class scale_by_simplified_ademamix(Leafwise):
    """Divide a decaying sum of the gradients, plus a share of the gradient itself, by the root of their average square.

        m <- b1 m + g,   n <- b2 n + (1 - b2) |g|^2
        u = (m + alpha g) / (sqrt(n / (1 - b2^t) + eps_root) + eps)

    alpha may be a schedule; it starts at t = 0.

    State:  `ScaleBySimplifiedAdEMAMixState(t, m, n)`: t int32; m and n like the parameters.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps or eps_root is negative; at update if updates and state
            differ in structure or shape.
    Source: Morwani et al., 2025, arXiv:2502.02431, algorithm 3.
    """

    renews = ("m", "n")

    b1: Scalar = 0.99
    b2: Scalar = 0.95
    alpha: ScalarOrSchedule = 0.0
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps", "eps_root")

    def init(self, params: PyTree) -> ScaleBySimplifiedAdEMAMixState:
        return ScaleBySimplifiedAdEMAMixState(first_count(), zeros_like(params), zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleBySimplifiedAdEMAMixState, params: PyTree, **extra: Any) -> Plan:
        alpha = self.alpha(state.t) if callable(self.alpha) else self.alpha
        t = safe_increment(state.t)
        divisor = corrected_divisor(self.b2, t, self.eps, self.eps_root)
        direction = Direction(Average(self.b1, 1), divisor.factor, divisor.factor * alpha)
        return Plan(_rule, (direction, average(self.b2), divisor), state._replace(t=t))


def _rule(
    gradient: jax.Array, m: jax.Array, n: jax.Array, scalars: tuple[Direction, Average, Divisor]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    direction, square, divisor = scalars
    mixture, m = direction.of(gradient, m)
    n = square.of(abs_squared(gradient), real_part(n))
    return mixture / divisor.of(n), m, n
