"""Sophia: divide the average gradient by the Hessian's diagonal, and clip what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.combining import require_transform, update_with_extra
from backprop_jax.optim.directions.hessian_diagonal import hutchinson_estimator_diag_hessian
from backprop_jax.optim.directions.moments import Average, average, correction, require_decays
from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, map_all, zeros_like
from backprop_jax.optim.messages import print_if
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform


class SophiaState(NamedTuple):
    """Steps taken, averages of the gradient and of the Hessian's diagonal, and the state of what makes the latter."""

    count: jax.Array
    mu: PyTree
    nu: PyTree
    hessian_fn_state: PyTree


@dataclass(frozen=True)
class scale_by_sophia(Transform):
    """Divide the average gradient by the average diagonal of the Hessian, and clip the quotient.

        mu <- b1 mu + (1 - b1) g
        u   = clip(mu / (1 - b1^t) / max(gamma nu, eps), -clip_threshold, clip_threshold)
        every update_interval steps, after that:  nu <- b2 nu + (1 - b2) h

    h is the update of `hessian_diagonal_fn`, a transform, which is given the extra arguments of update: Hutchinson's
    estimate needs `obj_fn`, the objective as a function of the parameters alone. clip_threshold None does not clip.
    With verbose the share of numbers that were not clipped is printed every print_win_rate_every_n_steps; 0.1 to 0.5
    is good, and a larger gamma raises it.

    State:  `SophiaState(count, mu, nu, hessian_fn_state)`: count int32; mu like the parameters, in `mu_dtype` if given;
            nu like the parameters.
    Raises: ValueError if b1 or b2 is outside [0, 1), eps or gamma is negative, clip_threshold or update_interval is not
            above 0; TypeError if hessian_diagonal_fn is no transform; at update ValueError if `params` is missing, and
            what hessian_diagonal_fn raises.
    Source: Liu et al., 2023, arXiv:2305.14342, algorithm 3, with random signs in place of normal numbers.
    """

    b1: Scalar = 0.965
    b2: Scalar = 0.99
    eps: Scalar = 1e-8
    gamma: Scalar = 0.01
    clip_threshold: Scalar | None = 1.0
    update_interval: Scalar = 10
    hessian_diagonal_fn: Any = hutchinson_estimator_diag_hessian()
    mu_dtype: Any = None
    verbose: bool = False
    print_win_rate_every_n_steps: Scalar = 0

    def __post_init__(self) -> None:
        require_decays(self, "b1", "b2")
        require_non_negative(self, "eps", "1e-8 is usual: it keeps the divisor off zero")
        require_non_negative(self, "gamma", "0.01 is usual: the larger, the fewer numbers are clipped")
        if self.clip_threshold is not None:
            require_positive(self, "clip_threshold", "1 is usual; None does not clip")
        require_positive(self, "update_interval", "10 is usual: the steps from one Hessian to the next")
        require_transform(self.hessian_diagonal_fn, "scale_by_sophia: hessian_diagonal_fn")
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))

    def init(self, params: PyTree) -> SophiaState:
        return SophiaState(
            count=first_count(),
            mu=zeros_like(params, self.mu_dtype),
            nu=zeros_like(params),
            hessian_fn_state=self.hessian_diagonal_fn.init(params),
        )

    def update(
        self, updates: PyTree, state: SophiaState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, SophiaState]:
        require_params(self, params)
        count = safe_increment(state.count)

        def renew(nu: PyTree, inner_state: PyTree) -> tuple[PyTree, PyTree]:
            diagonal, inner_state = update_with_extra(self.hessian_diagonal_fn, updates, inner_state, params, extra)
            _, nu = map_all(_average_rule, average(self.b2), diagonal, nu=nu)
            return nu, inner_state

        is_due = state.count % self.update_interval == 0
        new_nu, inner_state = lax.cond(is_due, renew, lambda *old: old, state.nu, state.hessian_fn_state)
        scalars = _Scalars(
            average(self.b1), 1.0 / correction(self.b1, count), self.gamma, self.eps, self.clip_threshold
        )
        updates, mu, _ = map_all(_rule, scalars, updates, mu=state.mu, nu=state.nu)
        if self.verbose and self.clip_threshold is not None:
            self._print_win_rate(updates, count, self.clip_threshold)
        return updates, state._replace(count=count, mu=mu, nu=new_nu, hessian_fn_state=inner_state)

    def _print_win_rate(self, updates: PyTree, count: jax.Array, threshold: Scalar) -> None:
        leaves, interval = jax.tree.leaves(updates), self.print_win_rate_every_n_steps
        inside = sum(jnp.sum(jnp.abs(leaf) < threshold) for leaf in leaves)
        is_due = (interval > 0) & (count % jnp.maximum(interval, 1) == 0)
        print_if(is_due, "scale_by_sophia:", win_rate=inside / sum(leaf.size for leaf in leaves))


def _average_rule(diagonal: jax.Array, nu: jax.Array, scalars: Average) -> tuple[jax.Array, jax.Array]:
    return diagonal, scalars.of(diagonal, nu)


class _Scalars(NamedTuple):
    mean: Average
    mean_factor: Scalar
    gamma: Scalar
    eps: Scalar
    clip_threshold: Scalar | None


def _rule(
    gradient: jax.Array, mu: jax.Array, nu: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array]:
    mu = scalars.mean.of(gradient, mu)
    step = scalars.mean_factor * mu / jnp.maximum(scalars.gamma * nu, scalars.eps)
    if scalars.clip_threshold is not None:
        step = jnp.clip(step, -scalars.clip_threshold, scalars.clip_threshold)
    return step, mu, nu
