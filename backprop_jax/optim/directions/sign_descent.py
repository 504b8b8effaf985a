"""Steps of one length in every coordinate: the sign of the gradient, or of its average."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_decay
from backprop_jax.optim.leafwise import PyTree, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


@dataclass(frozen=True)
class scale_by_sign(Leafwise):
    """Replace gradients by their signs: u = sign(g), 0 where g is 0, and g / |g| for complex g. State: none.

    Source: Bernstein et al., 2018, arXiv:1802.04434, algorithm 1.
    """

    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        return Plan(_sign_rule, None, state)


class ScaleByLionState(NamedTuple):
    """Steps taken, and the average of the gradient."""

    count: jax.Array
    mu: PyTree


@dataclass(frozen=True)
class scale_by_lion(Leafwise):
    """Take the sign of the gradient's average, in which the newest gradient counts for more than in the state.

        x  = b1 mu + (1 - b1) g,   mu <- b2 mu + (1 - b2) g
        u  = sign(x)                                  with mode "hard"
        u  = tanh(smooth_beta x)                      with mode "smooth"
        u  = x where |x| < 1, elsewhere sign(x)       with mode "refined"

    State:  `ScaleByLionState(count, mu)`: count int32; mu like the parameters, in `mu_dtype` if given.
    Raises: ValueError if b1 or b2 is outside [0, 1); at update for another mode, as in optax, or if updates and state
            differ in structure or shape.
    Source: Chen et al., 2023, arXiv:2302.06675, algorithm 2; the other modes are optax's.
    """

    renews = ("mu",)

    b1: Scalar = 0.9
    b2: Scalar = 0.99
    mu_dtype: Any = None
    _: KW_ONLY
    mode: Literal["hard", "smooth", "refined"] = "hard"
    smooth_beta: Scalar = 1.0

    def __post_init__(self) -> None:
        require_decay(self, "b1", "0.9 is usual: the share of the average in the step")
        require_decay(self, "b2", "0.99 is usual: the share of the average that each step keeps")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def init(self, params: PyTree) -> ScaleByLionState:
        return ScaleByLionState(count=first_count(), mu=zeros_like(params, self.mu_dtype))

    def plan(self, updates: PyTree, state: ScaleByLionState, params: PyTree, **extra: Any) -> Plan:
        if self.mode not in _LION_RULES:
            raise ValueError(f"scale_by_lion: mode must be one of {', '.join(_LION_RULES)}, got {self.mode!r}")
        scalars = _LionScalars(self.b1, 1 - self.b1, self.b2, 1 - self.b2, self.smooth_beta)
        return Plan(_LION_RULES[self.mode], scalars, state._replace(count=safe_increment(state.count)))


class _LionScalars(NamedTuple):
    step_kept: Scalar
    step_added: Scalar
    mu_kept: Scalar
    mu_added: Scalar
    smooth_beta: Scalar


def _sign_rule(gradient: jax.Array, _: None) -> jax.Array:
    return lax.sign(gradient)


def _mix(gradient: jax.Array, mu: jax.Array, scalars: _LionScalars) -> tuple[jax.Array, jax.Array]:
    return scalars.step_kept * mu + scalars.step_added * gradient, scalars.mu_kept * mu + scalars.mu_added * gradient


def _hard_rule(gradient: jax.Array, mu: jax.Array, scalars: _LionScalars) -> tuple[jax.Array, jax.Array]:
    mixed, mu = _mix(gradient, mu, scalars)
    return lax.sign(mixed), mu


def _smooth_rule(gradient: jax.Array, mu: jax.Array, scalars: _LionScalars) -> tuple[jax.Array, jax.Array]:
    mixed, mu = _mix(gradient, mu, scalars)
    return lax.tanh(scalars.smooth_beta * mixed), mu


def _refined_rule(gradient: jax.Array, mu: jax.Array, scalars: _LionScalars) -> tuple[jax.Array, jax.Array]:
    mixed, mu = _mix(gradient, mu, scalars)
    return jnp.where(lax.abs(mixed) < 1.0, mixed, lax.sign(mixed)), mu


_LION_RULES = {"hard": _hard_rule, "smooth": _smooth_rule, "refined": _refined_rule}
