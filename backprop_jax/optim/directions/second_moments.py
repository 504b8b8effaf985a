"""Relatives of Adam that differ in what they divide the average gradient by."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.directions.adaptive_moments import MomentScalars, ScaleByAdamState
from backprop_jax.optim.directions.moments import (
    Direction,
    Divisor,
    average,
    corrected_divisor,
    corrected_mean,
    correction,
    real_part,
    require_decays,
    require_epsilons,
)
from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_non_negative
from backprop_jax.optim.leafwise import PyTree, abs_squared, full_like, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByAmsgradState(NamedTuple):
    """Steps taken, the averages of the gradient and of its squared magnitude, and the largest the latter has been."""

    count: jax.Array
    mu: PyTree
    nu: PyTree
    nu_max: PyTree


@dataclass(frozen=True)
class scale_by_amsgrad(Leafwise):
    """Adam with a divisor that never falls: the largest average square so far.

        mu <- b1 mu + (1 - b1) g,   nu <- b2 nu + (1 - b2) |g|^2,   nu_max <- max(nu_max, nu / (1 - b2^t))
        u   = mu / (1 - b1^t) / (sqrt(nu_max + eps_root) + eps)

    Each of the two corrections, by 1 - b1^t and by 1 - b2^t, can be left out.

    State:  `ScaleByAmsgradState(count, mu, nu, nu_max)`: as in `scale_by_adam`, nu_max like nu.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps or eps_root is negative; at update if updates and state
            differ in structure or shape.
    Source: Reddi et al., 2018, arXiv:1904.09237, algorithm 2, which corrects neither.
    """

    renews = ("mu", "nu", "nu_max")

    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0
    mu_dtype: Any = None
    bias_correction_mu: bool = True
    bias_correction_nu: bool = True

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps", "eps_root")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def init(self, params: PyTree) -> ScaleByAmsgradState:
        nu, nu_max = zeros_like(params), zeros_like(params)
        return ScaleByAmsgradState(first_count(), zeros_like(params, self.mu_dtype), nu, nu_max)

    def plan(self, updates: PyTree, state: ScaleByAmsgradState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.count)
        mean = corrected_mean(self.b1, count) if self.bias_correction_mu else Direction(average(self.b1), 1.0)
        divisor = Divisor(1.0, self.eps_root, self.eps)
        nu_factor = 1.0 / correction(self.b2, count) if self.bias_correction_nu else 1.0
        scalars = MomentScalars(mean, average(self.b2), divisor)
        return Plan(_amsgrad_rule, (scalars, nu_factor), state._replace(count=count))


def _amsgrad_rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, nu_max: jax.Array, scalars: tuple[MomentScalars, Scalar]
) -> tuple[jax.Array, ...]:
    moments, nu_factor = scalars
    direction, mu = moments.direction.of(gradient, mu)
    nu = moments.nu.of(abs_squared(gradient), real_part(nu))
    nu_max = jnp.maximum(real_part(nu_max), nu_factor * nu)
    return direction / moments.divisor.of(nu_max), mu, nu, nu_max


class ScaleByBeliefState(NamedTuple):
    """Steps taken, and the averages of the gradient and of its squared distance from that average."""

    count: jax.Array
    mu: PyTree
    nu: PyTree


@dataclass(frozen=True)
class scale_by_belief(Leafwise):
    """Adam that measures how far the gradient is from its average: large steps where it is as expected.

        mu <- b1 mu + (1 - b1) g,   nu <- b2 nu + (1 - b2) |g - mu|^2 + eps_root
        u   = m / (sqrt(nu / (1 - b2^t)) + eps),   m as in `scale_by_adam`, with and without nesterov

    State:  `ScaleByBeliefState(count, mu, nu)`: count int32, mu and nu like the parameters.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps or eps_root is negative; at update if updates and state
            differ in structure or shape.
    Source: Zhuang et al., 2020, arXiv:2010.07468, algorithm 2.
    """

    renews = ("mu", "nu")

    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-16
    eps_root: Scalar = 1e-16
    _: KW_ONLY
    nesterov: bool = False

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps", "eps_root")

    def init(self, params: PyTree) -> ScaleByBeliefState:
        return ScaleByBeliefState(count=first_count(), mu=zeros_like(params), nu=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByBeliefState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.count)
        divisor = corrected_divisor(self.b2, count, self.eps, 0.0)
        direction = corrected_mean(self.b1, count, divisor.factor, self.nesterov)
        scalars = MomentScalars(direction, average(self.b2), divisor)
        return Plan(_belief_rule, (scalars, self.eps_root), state._replace(count=count))


def _belief_rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: tuple[MomentScalars, Scalar]
) -> tuple[jax.Array, ...]:
    moments, eps_root = scalars
    direction, mu = moments.direction.of(gradient, mu)
    nu = moments.nu.of(abs_squared(gradient - mu), real_part(nu)) + eps_root
    return direction / moments.divisor.of(nu), mu, nu


@dataclass(frozen=True)
class scale_by_yogi(Leafwise):
    """Adam with a divisor that moves toward the squared gradient by a share of that square, not of the difference.

        mu <- b1 mu + (1 - b1) g,   nu <- nu - (1 - b2) sign(nu - |g|^2) |g|^2
        u   = mu / (1 - b1^t) / (sqrt(nu / (1 - b2^t) + eps_root) + eps)

    State:  `ScaleByAdamState(count, mu, nu)`: as in `scale_by_adam`, but mu and nu start at
            `initial_accumulator_value`.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps, eps_root or initial_accumulator_value is negative; at
            update if updates and state differ in structure or shape.
    Source: Zaheer et al., 2018, "Adaptive Methods for Nonconvex Optimization", algorithm 2, with Adam's corrections.
    """

    renews = ("mu", "nu")

    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-3
    eps_root: Scalar = 0.0
    initial_accumulator_value: Scalar = 1e-6

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps", "eps_root")
        require_non_negative(self, "initial_accumulator_value", "1e-6 is usual: it is a first average square")

    def init(self, params: PyTree) -> ScaleByAdamState:
        first = self.initial_accumulator_value
        return ScaleByAdamState(count=first_count(), mu=full_like(params, first), nu=full_like(params, first))

    def plan(self, updates: PyTree, state: ScaleByAdamState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.count)
        divisor = corrected_divisor(self.b2, count, self.eps, self.eps_root)
        direction = corrected_mean(self.b1, count, divisor.factor)
        return Plan(_yogi_rule, MomentScalars(direction, average(self.b2), divisor), state._replace(count=count))


def _yogi_rule(gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: MomentScalars) -> tuple[jax.Array, ...]:
    direction, mu = scalars.direction.of(gradient, mu)
    square, nu = abs_squared(gradient), real_part(nu)
    nu = nu - scalars.nu.added * lax.sign(nu - square) * square
    return direction / scalars.divisor.of(nu), mu, nu


@dataclass(frozen=True)
class scale_by_adamax(Leafwise):
    """Adam that divides by a decaying maximum of the gradient's magnitude in place of a root of its average square.

        mu <- b1 mu + (1 - b1) g,   nu <- max(b2 nu, |g| + eps)
        u   = mu / (1 - b1^t) / nu

    State:  `ScaleByAdamState(count, mu, nu)`: count int32, mu and nu like the parameters.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps is negative; at update if updates and state differ in
            structure or shape.
    Source: Kingma & Ba, 2015, arXiv:1412.6980, algorithm 2, with eps as PyTorch and optax have it.
    """

    renews = ("mu", "nu")

    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-8

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps")

    def init(self, params: PyTree) -> ScaleByAdamState:
        return ScaleByAdamState(count=first_count(), mu=zeros_like(params), nu=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByAdamState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.count)
        scalars = _AdamaxScalars(corrected_mean(self.b1, count), self.b2, self.eps)
        return Plan(_adamax_rule, scalars, state._replace(count=count))


class _AdamaxScalars(NamedTuple):
    direction: Direction
    nu_kept: Scalar
    eps: Scalar


def _adamax_rule(gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: _AdamaxScalars) -> tuple[jax.Array, ...]:
    direction, mu = scalars.direction.of(gradient, mu)
    nu = jnp.maximum(jnp.abs(gradient) + scalars.eps, scalars.nu_kept * real_part(nu))
    return direction / nu, mu, nu
