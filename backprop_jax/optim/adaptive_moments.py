"""Adam's rescaling of gradients by their first two moments."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_decay, require_non_negative
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.step_count import first_count, next_count
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

    State:  `ScaleByAdamState(count, mu, nu)`: count int32; mu like the parameters, in `mu_dtype` if given; nu like the
            parameters (complex for complex ones, with zero imaginary part, as in optax).
    Raises: ValueError if b1 or b2 is outside [0, 1), or eps or eps_root is negative; at init if `mu_dtype` is real and
            a parameter is complex; at update if updates and state differ in structure or shape.
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
        require_decay(self, "b1", "0.9 is usual: the share of the average that each step keeps")
        require_decay(self, "b2", "0.999 is usual: the share of the average that each step keeps")
        require_non_negative(self, "eps", "1e-8 is usual: it keeps the divisor off zero")
        require_non_negative(self, "eps_root", "0 is usual: it keeps the square root off zero")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def init(self, params: PyTree) -> ScaleByAdamState:
        return ScaleByAdamState(count=first_count(), mu=zeros_like(params, self.mu_dtype), nu=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleByAdamState, params: PyTree, **extra: Any) -> Plan:
        b1, b2 = self.b1, self.b2
        count = next_count(state.count)
        # Both corrections and eps are gathered into scalars, so that a leaf costs one division and one root:
        # u = m / (sqrt(nu / c + eps_root) + eps) = sqrt(c) m / (sqrt(nu + c eps_root) + sqrt(c) eps),  c = 1 - b2^t
        correction = 1.0 - b2**count
        root = lax.sqrt(correction)
        mu_factor, gradient_factor = root / (1.0 - b1**count), None
        if self.nesterov:
            mu_factor, gradient_factor = root * b1 / (1.0 - b1 ** next_count(count)), mu_factor * (1 - b1)
        scalars = _Scalars(
            b1, 1 - b1, b2, 1 - b2, mu_factor, gradient_factor, correction * self.eps_root, root * self.eps
        )
        return Plan(_rule, scalars, state._replace(count=count))


class _Scalars(NamedTuple):
    mu_kept: Scalar
    mu_added: Scalar
    nu_kept: Scalar
    nu_added: Scalar
    mu_factor: Scalar
    gradient_factor: Scalar | None
    eps_root: Scalar
    eps: Scalar


def _rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array]:
    nu = lax.real(nu) if jnp.iscomplexobj(nu) else nu
    mu = scalars.mu_kept * mu + scalars.mu_added * gradient
    nu = scalars.nu_kept * nu + scalars.nu_added * abs_squared(gradient)
    step = scalars.mu_factor * mu
    if scalars.gradient_factor is not None:
        step = step + scalars.gradient_factor * gradient
    return step / (lax.sqrt(nu + scalars.eps_root) + scalars.eps), mu, nu
