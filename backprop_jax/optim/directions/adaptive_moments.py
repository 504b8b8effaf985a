"""Adam's rescaling of gradients by their first two moments, and its rectified form."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
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
from backprop_jax.optim.hyperparameters import Scalar, dtype_name
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByAdamState(NamedTuple):
    """Steps taken, and the averages of the gradient and of its squared magnitude."""

    count: jax.Array
    mu: PyTree
    nu: PyTree


@dataclass(frozen=True)
class scale_by_adam(Leafwise):
    """Divide the average gradient by the root of the average squared gradient, both corrected for starting at zero.

        mu <- b1 mu + (1 - b1) g,   nu <- b2 nu + (1 - b2) |g|^2
        u   = m / (sqrt(nu / (1 - b2^t) + eps_root) + eps),   m = mu / (1 - b1^t)
        with nesterov:  m = b1 mu / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)

    State:  `ScaleByAdamState(count, mu, nu)`: count int32; mu like the parameters, in `mu_dtype` if given (a real one
            keeps the real part only, with JAX's warning); nu like the parameters (complex for complex ones, with zero
            imaginary part, as in optax).
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps or eps_root is negative; at update if updates and state
            differ in structure or shape.
    Source: Kingma & Ba, 2015, arXiv:1412.6980, algorithm 1; nesterov: Dozat, 2016, as optax has it, without b2 on nu.
    """

    renews = ("mu", "nu")

    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0
    mu_dtype: Any = None
    _: KW_ONLY
    nesterov: bool = False

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps", "eps_root")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def init(self, params: PyTree) -> ScaleByAdamState:
        return ScaleByAdamState(count=first_count(), mu=zeros_like(params, self.mu_dtype), nu=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByAdamState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.count)
        divisor = corrected_divisor(self.b2, count, self.eps, self.eps_root)
        direction = corrected_mean(self.b1, count, divisor.factor, self.nesterov)
        return Plan(_rule, MomentScalars(direction, average(self.b2), divisor), state._replace(count=count))


class MomentScalars(NamedTuple):
    """The scalars of a rule that divides an average gradient by the root of an average square."""

    direction: Direction
    nu: Average
    divisor: Divisor


def _rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: MomentScalars
) -> tuple[jax.Array, jax.Array, jax.Array]:
    direction, mu = scalars.direction.of(gradient, mu)
    nu = scalars.nu.of(abs_squared(gradient), real_part(nu))
    return direction / scalars.divisor.of(nu), mu, nu


@dataclass(frozen=True)
class scale_by_radam(Leafwise):
    """As `scale_by_adam`, once enough steps are averaged for the divisor to be trusted; until then the average alone.

        rho   = rho_inf - 2 t b2^t / (1 - b2^t),   rho_inf = 2 / (1 - b2) - 1
        r     = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))
        u     = r m / (sqrt(nu / (1 - b2^t) + eps_root) + eps)   if rho >= threshold, otherwise m
        with m and nu as in `scale_by_adam`, with and without nesterov

    State:  `ScaleByAdamState(count, mu, nu)`, as in `scale_by_adam`.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps or eps_root is negative; at update if updates and state
            differ in structure or shape.
    Source: Liu et al., 2020, arXiv:1908.03265, algorithm 2, where the threshold is 4.
    """

    renews = ("mu", "nu")

    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0
    threshold: Scalar = 5.0
    _: KW_ONLY
    nesterov: bool = False

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps", "eps_root")

    def init(self, params: PyTree) -> ScaleByAdamState:
        return ScaleByAdamState(count=first_count(), mu=zeros_like(params), nu=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByAdamState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.count)
        power = self.b2**count
        limit = 2.0 / (1.0 - self.b2) - 1.0
        length = limit - 2.0 * count * power / (1.0 - power)
        trusted = length >= self.threshold
        ratio = (length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length)
        divisor = corrected_divisor(self.b2, count, self.eps, self.eps_root)
        factor = jnp.where(trusted, divisor.factor * jnp.sqrt(jnp.where(trusted, ratio, 1.0)), 1.0)
        direction = corrected_mean(self.b1, count, factor, self.nesterov)
        scalars = MomentScalars(direction, average(self.b2), divisor)
        return Plan(_rectified_rule, (scalars, trusted), state._replace(count=count))


def _rectified_rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: tuple[MomentScalars, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    moments, trusted = scalars
    direction, mu = moments.direction.of(gradient, mu)
    nu = moments.nu.of(abs_squared(gradient), real_part(nu))
    return direction / jnp.where(trusted, moments.divisor.of(nu), 1.0), mu, nu
