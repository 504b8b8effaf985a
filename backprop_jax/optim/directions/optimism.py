"""Optimistic gradients: look one step ahead by the change from the last gradient to this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, zeros_like
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByOptimisticGradientState(NamedTuple):
    """Whether no step was taken yet, and the gradient of the last one."""

    is_initial_step: jax.Array
    previous_gradient: PyTree


@dataclass(frozen=True)
class scale_by_optimistic_gradient(Leafwise):
    """Add the change of the gradient to the gradient, which keeps min-max games from going in circles.

        u = alpha g + beta (g - g of the last step),   and alpha g at the first step

    State:  `ScaleByOptimisticGradientState(is_initial_step, previous_gradient)`: a bool, and like the parameters.
    Raises: ValueError if alpha or beta is negative or NaN; at update if updates and state differ in structure or shape.
    Source: Mokhtari, Ozdaglar & Pattathil, 2019, arXiv:1901.08511, section 4 (there alpha and beta are step sizes).
    """

    renews = ("previous_gradient",)

    alpha: Scalar = 1.0
    beta: Scalar = 1.0

    def __post_init__(self) -> None:
        require_non_negative(self, "alpha", "1 is usual: the factor of the gradient")
        require_non_negative(self, "beta", "1 is usual: the factor of the gradient's change")

    def init(self, params: PyTree) -> ScaleByOptimisticGradientState:
        return ScaleByOptimisticGradientState(is_initial_step=jnp.array(True), previous_gradient=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByOptimisticGradientState, params: PyTree, **extra: Any) -> Plan:
        scalars = _Scalars(self.alpha, self.beta, state.is_initial_step)
        return Plan(_rule, scalars, state._replace(is_initial_step=jnp.array(False)))


class _Scalars(NamedTuple):
    alpha: Scalar
    beta: Scalar
    is_initial_step: jax.Array


def _rule(gradient: jax.Array, last: jax.Array, scalars: _Scalars) -> tuple[jax.Array, jax.Array]:
    change = jnp.where(scalars.is_initial_step, 0.0, gradient - last)
    return scalars.alpha * gradient + scalars.beta * change, gradient
