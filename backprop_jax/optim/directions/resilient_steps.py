"""Step sizes that every coordinate finds for itself, from the sign of its gradient alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, full_like, require_real, zeros_like
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByRpropState(NamedTuple):
    """The step size of every coordinate, and the step that the last gradient called for."""

    step_sizes: PyTree
    prev_updates: PyTree


@dataclass(frozen=True)
class scale_by_rprop(Leafwise):
    """Lengthen steps while the gradient keeps its sign, and shorten them when it turns.

        size <- clip(eta_plus size) where g has the sign of v, clip(eta_minus size) where it has the other
        u = v,   v <- size sign(g),   but where the sign is the other, u = 0 and v <- 0

    v waits for a step before it becomes the update, as in optax: the first update is 0. Sizes start at `learning_rate`
    and are clipped to [min_step_size, max_step_size].

    State:  `ScaleByRpropState(step_sizes, prev_updates)`: size and v, both like the parameters.
    Raises: ValueError if learning_rate is a schedule, an eta or max_step_size is not above 0, or learning_rate or
            min_step_size is negative; at init if a parameter is complex; at update if updates and state differ in
            structure or shape.
    Source: Riedmiller & Braun, 1993, doi:10.1109/ICNN.1993.298623; Igel & Hüsken, 2003,
            doi:10.1016/S0925-2312(01)00700-7.
    """

    renews = ("step_sizes", "prev_updates")

    learning_rate: Scalar
    eta_minus: Scalar = 0.5
    eta_plus: Scalar = 1.2
    min_step_size: Scalar = 1e-6
    max_step_size: Scalar = 50.0

    def __post_init__(self) -> None:
        if callable(self.learning_rate):
            raise ValueError(
                f"scale_by_rprop: learning_rate must be a number, got {self.learning_rate!r}; it is the first step "
                "size, and the later ones come from the gradients"
            )
        require_non_negative(self, "learning_rate", "it is the first step size")
        require_positive(self, "eta_minus", "0.5 is usual: the factor of the step size when the gradient turns")
        require_positive(self, "eta_plus", "1.2 is usual: the factor while the gradient keeps its sign")
        require_non_negative(self, "min_step_size", "1e-6 is usual")
        require_positive(self, "max_step_size", "50 is usual")

    def init(self, params: PyTree) -> ScaleByRpropState:
        require_real(params, "scale_by_rprop")
        return ScaleByRpropState(step_sizes=full_like(params, self.learning_rate), prev_updates=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByRpropState, params: PyTree, **extra: Any) -> Plan:
        scalars = _Scalars(self.eta_minus, self.eta_plus, self.min_step_size, self.max_step_size)
        return Plan(_rule, scalars, state)


class _Scalars(NamedTuple):
    eta_minus: Scalar
    eta_plus: Scalar
    min_step_size: Scalar
    max_step_size: Scalar


def _rule(
    gradient: jax.Array, step_size: jax.Array, last: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array]:
    # Signs, not values: the product of a small gradient and a small step would be 0.
    sign = lax.sign(gradient)
    agreement = sign * lax.sign(last)
    factor = jnp.where(agreement > 0, scalars.eta_plus, scalars.eta_minus)
    clipped = jnp.clip(factor * step_size, scalars.min_step_size, scalars.max_step_size)
    step_size = jnp.where(agreement == 0, step_size, clipped)
    has_turned = agreement < 0
    return jnp.where(has_turned, 0.0, last), step_size, jnp.where(has_turned, 0.0, step_size * sign)
