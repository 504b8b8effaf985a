"""Rescale gradients by what their squares have been, without averaging the gradients themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

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
from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, abs_squared, full_like, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByRssState(NamedTuple):
    """The sum of the gradient's squared magnitudes."""

    sum_of_squares: PyTree


@dataclass(frozen=True)
class scale_by_rss(Leafwise):
    """Divide gradients by the root of the sum of all their squares.

        s <- s + |g|^2,   u = g / sqrt(s + eps), or 0 where s is 0

    State:  `ScaleByRssState(sum_of_squares)`, like the parameters, at first `initial_accumulator_value`.
    Raises: ValueError if initial_accumulator_value or eps is negative; at update if updates and state differ in
            structure or shape.
    Source: Duchi, Hazan & Singer, 2011, "Adaptive Subgradient Methods", JMLR 12, section 1.1, diagonal form.
    """

    renews = ("sum_of_squares",)

    initial_accumulator_value: Scalar = 0.1
    eps: Scalar = 1e-7

    def __post_init__(self) -> None:
        require_non_negative(self, "initial_accumulator_value", "0.1 is usual: it is a first sum of squares")
        require_epsilons(self, "eps")

    def init(self, params: PyTree) -> ScaleByRssState:
        return ScaleByRssState(sum_of_squares=full_like(params, self.initial_accumulator_value))

    def plan(self, updates: PyTree, state: ScaleByRssState, params: PyTree, **extra: Any) -> Plan:
        return Plan(_rss_rule, self.eps, state)


def _rss_rule(gradient: jax.Array, total: jax.Array, eps: Scalar) -> tuple[jax.Array, jax.Array]:
    total = real_part(total) + abs_squared(gradient)
    return jnp.where(total > 0, lax.rsqrt(total + eps), 0.0) * gradient, total


class ScaleByRmsState(NamedTuple):
    """The average of the gradient's squared magnitude."""

    nu: PyTree


class ScaleByRmsWithCountState(NamedTuple):
    """Steps taken, and the average of the gradient's squared magnitude."""

    count: jax.Array
    nu: PyTree


@dataclass(frozen=True)
class scale_by_rms(Leafwise):
    """Divide gradients by the root of their average square.

        nu <- decay nu + (1 - decay) |g|^2
        u   = g / sqrt(nu + eps), or with eps_in_sqrt=False  u = g / (sqrt(nu) + eps)
        with bias_correction, both with nu / (1 - decay^t) in place of nu

    State:  `ScaleByRmsState(nu)`, like the parameters, at first `initial_scale`; with bias_correction
            `ScaleByRmsWithCountState(count, nu)`, count int32.
    Raises: ValueError if decay is outside [0, 1), or eps or initial_scale is negative; at update if updates and state
            differ in structure or shape.
    Source: Tieleman & Hinton, 2012, Coursera lecture 6.5; eps in the root as in TensorFlow, outside as in PyTorch.
    """

    renews = ("nu",)

    decay: Scalar = 0.9
    eps: Scalar = 1e-8
    initial_scale: Scalar = 0.0
    eps_in_sqrt: bool = True
    bias_correction: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def init(self, params: PyTree) -> ScaleByRmsState | ScaleByRmsWithCountState:
        nu = full_like(params, self.initial_scale)
        return ScaleByRmsWithCountState(count=first_count(), nu=nu) if self.bias_correction else ScaleByRmsState(nu=nu)

    def plan(
        self, updates: PyTree, state: ScaleByRmsState | ScaleByRmsWithCountState, params: PyTree, **extra: Any
    ) -> Plan:
        count, state = _count_if_corrected(self, state)
        return Plan(_rms_rule, (average(self.decay), _divisor(self, count)), state)


def _rms_rule(gradient: jax.Array, nu: jax.Array, scalars: tuple[Average, Divisor]) -> tuple[jax.Array, jax.Array]:
    squares, divisor = scalars
    nu = squares.of(abs_squared(gradient), real_part(nu))
    return divisor.factor * gradient / divisor.of(nu), nu


class ScaleByRStdDevState(NamedTuple):
    """The averages of the gradient and of its squared magnitude."""

    mu: PyTree
    nu: PyTree


class ScaleByRStdDevWithCountState(NamedTuple):
    """Steps taken, and the averages of the gradient and of its squared magnitude."""

    count: jax.Array
    mu: PyTree
    nu: PyTree


@dataclass(frozen=True)
class scale_by_stddev(Leafwise):
    """Divide gradients by their standard deviation: `scale_by_rms` with nu - |mu|^2 in place of nu.

        mu <- decay mu + (1 - decay) g,   nu <- decay nu + (1 - decay) |g|^2
        u   = g / sqrt(v + eps),   v = max(nu - |mu|^2, 0), or with eps_in_sqrt=False  u = g / (sqrt(v) + eps)
        with bias_correction, both averages divided by 1 - decay^t

    The maximum is for rounding: a gradient that hardly varies would give the root of a negative number.

    State:  `ScaleByRStdDevState(mu, nu)`, like the parameters, at first 0 and `initial_scale`; with bias_correction
            `ScaleByRStdDevWithCountState(count, mu, nu)`, count int32.
    Raises: ValueError if decay is outside [0, 1), or eps or initial_scale is negative; at update if updates and state
            differ in structure or shape.
    Source: Graves, 2013, arXiv:1308.0850, eqs. 38-40.
    """

    renews = ("mu", "nu")

    decay: Scalar = 0.9
    eps: Scalar = 1e-8
    initial_scale: Scalar = 0.0
    eps_in_sqrt: bool = True
    bias_correction: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def init(self, params: PyTree) -> ScaleByRStdDevState | ScaleByRStdDevWithCountState:
        mu, nu = zeros_like(params), full_like(params, self.initial_scale)
        if self.bias_correction:
            return ScaleByRStdDevWithCountState(count=first_count(), mu=mu, nu=nu)
        return ScaleByRStdDevState(mu=mu, nu=nu)

    def plan(
        self, updates: PyTree, state: ScaleByRStdDevState | ScaleByRStdDevWithCountState, params: PyTree, **extra: Any
    ) -> Plan:
        count, state = _count_if_corrected(self, state)
        divisor, mean = _divisor(self, count), Direction(average(self.decay), 1.0)
        if count is not None:
            mean = corrected_mean(self.decay, count, divisor.factor)
        return Plan(_stddev_rule, (mean, divisor), state)


def _stddev_rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: tuple[Direction, Divisor]
) -> tuple[jax.Array, ...]:
    mean, divisor = scalars
    # Times c, as the divisor has it: c (nu / c - |mu / c|^2) = nu - |mu / sqrt(c)|^2.
    scaled_mean, mu = mean.of(gradient, mu)
    nu = mean.mu.of(abs_squared(gradient), real_part(nu))
    variance = jnp.maximum(nu - abs_squared(scaled_mean), 0.0)
    return divisor.factor * gradient / divisor.of(variance), mu, nu


class ScaleByAdaDeltaState(NamedTuple):
    """The averages of the squared magnitudes of the gradient and of the update."""

    e_g: PyTree
    e_x: PyTree


@dataclass(frozen=True)
class scale_by_adadelta(Leafwise):
    """Rescale gradients to the size of past updates, so that the update has the unit of the parameter.

        e_g <- rho e_g + (1 - rho) |g|^2,   u = g sqrt(e_x + eps) / sqrt(e_g + eps),   e_x <- rho e_x + (1 - rho) |u|^2

    State:  `ScaleByAdaDeltaState(e_g, e_x)`, like the parameters.
    Raises: ValueError if rho is outside [0, 1), or eps is negative; at update if updates and state differ in structure
            or shape.
    Source: Zeiler, 2012, arXiv:1212.5701, algorithm 1.
    """

    renews = ("e_g", "e_x")

    rho: Scalar = 0.9
    eps: Scalar = 1e-6

    def __post_init__(self) -> None:
        require_decays(self, "rho")
        require_epsilons(self, "eps")

    def init(self, params: PyTree) -> ScaleByAdaDeltaState:
        return ScaleByAdaDeltaState(e_g=zeros_like(params), e_x=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByAdaDeltaState, params: PyTree, **extra: Any) -> Plan:
        return Plan(_adadelta_rule, (average(self.rho), self.eps), state)


def _adadelta_rule(
    gradient: jax.Array, e_g: jax.Array, e_x: jax.Array, scalars: tuple[Average, Scalar]
) -> tuple[jax.Array, ...]:
    squares, eps = scalars
    e_g, e_x = squares.of(abs_squared(gradient), real_part(e_g)), real_part(e_x)
    update = lax.sqrt(e_x + eps) * lax.rsqrt(e_g + eps) * gradient
    return update, e_g, squares.of(abs_squared(update), e_x)


def _check(transform: scale_by_rms | scale_by_stddev) -> None:
    require_decays(transform, "decay")
    require_epsilons(transform, "eps")
    require_non_negative(transform, "initial_scale", "0 is usual: it is a first average square")


def _count_if_corrected(transform: scale_by_rms | scale_by_stddev, state: Any) -> tuple[jax.Array | None, Any]:
    """The number of this step and the state with it, where averages are corrected by it."""
    if not transform.bias_correction:
        return None, state
    count = safe_increment(state.count)
    return count, state._replace(count=count)


def _divisor(transform: scale_by_rms | scale_by_stddev, count: jax.Array | None) -> Divisor:
    eps, eps_root = (0.0, transform.eps) if transform.eps_in_sqrt else (transform.eps, 0.0)
    if count is None:
        return Divisor(1.0, eps_root, eps)
    return corrected_divisor(transform.decay, count, eps, eps_root)
