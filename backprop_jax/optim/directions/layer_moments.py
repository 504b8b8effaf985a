"""Rescale by one second moment for each layer, not for each number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.directions.moments import Average, Divisor, real_part, require_decays, require_epsilons
from backprop_jax.optim.hyperparameters import Scalar, dtype_name
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.schedules.basic import ScalarOrSchedule, value_at
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByNovogradState(NamedTuple):
    """Steps taken, the decaying sum of rescaled gradients, and the average squared norm of each leaf's gradient."""

    count: jax.Array
    mu: PyTree
    nu: PyTree


@dataclass(frozen=True)
class scale_by_novograd(Leafwise):
    """Momentum of gradients that are divided, leaf by leaf, by the root of their average squared norm.

        nu <- b2 nu + (1 - b2) Σ|g|^2 over the leaf, at the first step Σ|g|^2
        mu <- b1 mu + g / (sqrt(nu + eps_root) + eps) + weight_decay p,   u = mu

    State:  `ScaleByNovogradState(count, mu, nu)`: count int32; mu like the parameters, in `mu_dtype` if given (a real
            one keeps the real part only, with JAX's warning); nu a scalar for each, in its dtype.
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps or eps_root is negative; at update if `params` is missing,
            or differs from updates in structure or shape.
    Source: Ginsburg et al., 2019, arXiv:1905.11286, algorithm 1.
    """

    elementwise = False
    renews = ("mu", "nu")
    renews_any_shape = True
    reads_params = True

    b1: Scalar = 0.9
    b2: Scalar = 0.25
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0
    weight_decay: ScalarOrSchedule = 0.0
    mu_dtype: Any = None

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_epsilons(self, "eps", "eps_root")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def init(self, params: PyTree) -> ScaleByNovogradState:
        nu = jax.tree.map(lambda param: jnp.zeros((), jnp.result_type(param)), params)
        return ScaleByNovogradState(count=first_count(), mu=zeros_like(params, self.mu_dtype), nu=nu)

    def plan(self, updates: PyTree, state: ScaleByNovogradState, params: PyTree, **extra: Any) -> Plan:
        is_first = state.count == 0
        nu = Average(jnp.where(is_first, 0.0, self.b2), jnp.where(is_first, 1.0, 1 - self.b2))
        weight_decay, _ = value_at(self.weight_decay, state)
        scalars = _Scalars(self.b1, nu, Divisor(1.0, self.eps_root, self.eps), weight_decay)
        return Plan(_rule, scalars, state._replace(count=safe_increment(state.count)))


class _Scalars(NamedTuple):
    mu_kept: Scalar
    nu: Average
    divisor: Divisor
    weight_decay: Scalar


def _rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, param: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, ...]:
    squares = abs_squared(gradient)
    nu = scalars.nu.of(lax.reduce_sum(squares, tuple(range(squares.ndim))), real_part(nu))
    mu = scalars.mu_kept * mu + gradient / scalars.divisor.of(nu) + scalars.weight_decay * param
    return mu, mu, nu
