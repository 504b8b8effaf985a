"""Running averages of gradients and of their squares: the arithmetic that adaptive transforms share.

An average that starts at zero is too small at first, by the factor 1 - decay^t. That factor and the epsilons are
gathered into scalars, so that a leaf costs one division and one root: with c = 1 - decay^t,

    m / (sqrt(nu / c + eps_root) + eps) = sqrt(c) m / (sqrt(nu + c eps_root) + sqrt(c) eps)
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, require_decay, require_non_negative
from backprop_jax.optim.step_count import safe_increment


class Average(NamedTuple):
    """How an average takes in a value: x <- kept x + added y."""

    kept: Scalar
    added: Scalar

    def of(self, value: jax.Array, average: jax.Array) -> jax.Array:
        return self.kept * average + self.added * value


def average(decay: Scalar) -> Average:
    return Average(decay, 1 - decay)


def correction(decay: Scalar, count: jax.Array) -> jax.Array:
    """What an average that started at zero is of its true value after `count` steps."""
    return 1.0 - decay**count


class Direction(NamedTuple):
    """What is divided: mu_factor mu + gradient_factor g, the last only with nesterov."""

    mu: Average
    mu_factor: Scalar
    gradient_factor: Scalar | None = None

    def of(self, gradient: jax.Array, mu: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The direction, and the renewed average."""
        mu = self.mu.of(gradient, mu)
        ahead = self.mu_factor * mu
        return (ahead if self.gradient_factor is None else ahead + self.gradient_factor * gradient), mu


def corrected_mean(b1: Scalar, count: jax.Array, factor: Scalar = 1.0, nesterov: bool = False) -> Direction:
    """`factor` times mu / (1 - b1^t), or with nesterov times b1 mu / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)."""
    now = factor / correction(b1, count)
    if not nesterov:
        return Direction(average(b1), now)
    return Direction(average(b1), factor * b1 / correction(b1, safe_increment(count)), now * (1 - b1))


class Divisor(NamedTuple):
    """The divisor sqrt(nu / c + eps_root) + eps, times `factor` = sqrt(c), by which the dividend must be multiplied."""

    factor: Scalar
    eps_root: Scalar | None  # None: nothing is added, which on small leaves saves more than it seems
    eps: Scalar

    def of(self, nu: jax.Array) -> jax.Array:
        return lax.sqrt(nu if self.eps_root is None else nu + self.eps_root) + self.eps


def corrected_divisor(b2: Scalar, count: jax.Array, eps: Scalar, eps_root: Scalar) -> Divisor:
    c = correction(b2, count)
    factor = lax.sqrt(c)
    is_zero = isinstance(eps_root, int | float) and eps_root == 0
    return Divisor(factor, None if is_zero else c * eps_root, factor * eps)


def real_part(nu: jax.Array) -> jax.Array:
    """Average squares are real, but stored as complex for complex parameters, as in optax."""
    return lax.real(nu) if jnp.iscomplexobj(nu) else nu


def require_decays(owner: object, *names: str) -> None:
    """Raise ValueError if one of these fields of `owner` is outside [0, 1)."""
    for name in names:
        usual = getattr(type(owner), name)
        require_decay(owner, name, f"{usual} is usual: the share of the average that each step keeps")


def require_epsilons(owner: object, *names: str) -> None:
    """Raise ValueError if one of these fields of `owner` is negative or NaN."""
    for name in names:
        usual = getattr(type(owner), name)
        require_non_negative(owner, name, f"{usual} is usual: it keeps the divisor off zero")
