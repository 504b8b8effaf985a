"""ADOPT's rescaling: Adam's, with a divisor that has not seen the gradient it divides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.directions.adaptive_moments import ScaleByAdamState
from backprop_jax.optim.directions.moments import Average, average, real_part, require_decays
from backprop_jax.optim.hyperparameters import Scalar, call_of, dtype_name, require_positive
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


def fourth_root(count: jax.Array) -> jax.Array:
    """ADOPT's clipping bound after `count` steps."""
    return count**0.25


@dataclass(frozen=True, repr=False)
class scale_by_adopt(Leafwise):
    """Average gradients that are divided by the root of the average square before them, and clipped.

        r  = clip(g / max(sqrt(nu), eps), -c, c),   c = clip_value_fn(t), t = 0 at the first step (default: t^(1/4))
        mu <- b1 mu + (1 - b1) r,   nu <- b2 nu + (1 - b2) |g|^2   (first step: nu <- |g|^2, and mu stays zero)
        u  = mu,   or with nesterov b1 mu + (1 - b1) r (mu the new average)

    State:  `ScaleByAdamState(count, mu, nu)`, as in `scale_by_adam`.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps is not above 0; at update if updates and state differ in
            structure or shape, or with use_clipping if an update is complex.
    Source: Taniguchi et al., 2024, arXiv:2411.02853, algorithm 2.
    """

    renews = ("mu", "nu")

    b1: Scalar = 0.9
    b2: Scalar = 0.9999
    eps: Scalar = 1e-6
    mu_dtype: Any = None
    _: KW_ONLY
    nesterov: bool = False
    use_clipping: bool = True
    clip_value_fn: Callable[[jax.Array], jax.Array] = fourth_root

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_positive(self, "eps", "1e-06 is usual: the first step divides by it")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def __repr__(self) -> str:
        return call_of(self)

    def init(self, params: PyTree) -> ScaleByAdamState:
        return ScaleByAdamState(count=first_count(), mu=zeros_like(params, self.mu_dtype), nu=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByAdamState, params: PyTree, **extra: Any) -> Plan:
        later = state.count > 0
        scalars = _Scalars(
            mu=average(jnp.where(later, self.b1, 1.0)),
            nu=average(jnp.where(later, self.b2, 0.0)),
            eps=self.eps,
            bound=self.clip_value_fn(state.count) if self.use_clipping else None,
        )
        state = state._replace(count=safe_increment(state.count))
        return Plan(_nesterov_rule if self.nesterov else _rule, scalars, state)


class _Scalars(NamedTuple):
    mu: Average
    nu: Average
    eps: Scalar
    bound: jax.Array | None


def _rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array]:
    mu = scalars.mu.of(_rescaled(gradient, nu, scalars), mu)
    return mu, mu, scalars.nu.of(abs_squared(gradient), real_part(nu))


def _nesterov_rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array]:
    rescaled = _rescaled(gradient, nu, scalars)
    mu = scalars.mu.of(rescaled, mu)
    return scalars.mu.of(rescaled, mu), mu, scalars.nu.of(abs_squared(gradient), real_part(nu))


def _rescaled(gradient: jax.Array, nu: jax.Array, scalars: _Scalars) -> jax.Array:
    rescaled = gradient / jnp.maximum(lax.sqrt(real_part(nu)), scalars.eps)
    return rescaled if scalars.bound is None else jnp.clip(rescaled, -scalars.bound, scalars.bound)
