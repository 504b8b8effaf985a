"""Mechanic: the learning rate as something that is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.applying import global_norm
from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.directions.inner_products import real_dot
from backprop_jax.optim.hyperparameters import Scalar, require_count, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, align, map_updates, widen
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.state_types import copy_of, keep_types, lowest_dtype, where, wide_real


class MechanicState(NamedTuple):
    """The inner state, steps taken, four numbers for each beta, of which s is its scale, and the first parameters."""

    base_optimizer_state: PyTree
    count: jax.Array
    r: jax.Array
    m: jax.Array
    v: jax.Array
    s: jax.Array
    x0: PyTree


@dataclass(frozen=True)
class mechanize(Transform):
    """Scale an optimizer's way from the first parameters by a number that is learned from how well the way went.

        d = (p - x0) / (Σ s + eps),   h = -(g + weight_decay Σs |g| / (|p| + eps) p) . d
        for each beta of 0.9, 0.99, ... (num_betas of them):
        r <- beta r + clip(h, -m, m) s,   m <- max(beta m, |h| + eps),   v <- beta^2 v + h^2
        s <- (s_init m / num_betas + max(r, 0)) / (sqrt(v) + eps)
        p <- x0 + (Σ s) (d + u)

    Give the optimizer the learning rate 1.0, or a schedule with that peak.

    State:  `MechanicState(base_optimizer_state, count, r, m, v, s, x0)`: count int32; r, m, v, s of shape (num_betas,)
            in the lowest dtype of the parameters; x0 the parameters of the first update. Unlike other transforms, init
            reads the values of the parameters.
    Raises: TypeError if `base_optimizer` is no transform; ValueError if weight_decay or eps is negative, s_init is not
            above 0 or num_betas no whole number above 0; at update if `params` is missing.
    Source: Cutkosky, Defazio & Mehta, 2023, arXiv:2306.00144, algorithm 1, with h clipped in r as its authors do.
    """

    elementwise = elementwise_if(lambda self: is_elementwise(self.base_optimizer))

    base_optimizer: Any
    weight_decay: Scalar = 1e-2
    eps: Scalar = 1e-8
    s_init: Scalar = 1e-6
    num_betas: int = 6

    def __post_init__(self) -> None:
        require_transform(self.base_optimizer, "mechanize: base_optimizer")
        require_non_negative(self, "weight_decay", "0.01 is usual")
        require_non_negative(self, "eps", "1e-8 is usual: it keeps the divisors off zero")
        require_positive(self, "s_init", "1e-6 is usual: the scale at the start")
        require_count(self, "num_betas", "6 is usual: the betas are 0.9, 0.99, ...")

    def init(self, params: PyTree) -> MechanicState:
        # One call for each field: fields that share a buffer cannot be donated.
        zeros = lambda: jnp.zeros(self.num_betas, lowest_dtype(params))
        return MechanicState(
            base_optimizer_state=self.base_optimizer.init(params),
            count=first_count(),
            r=zeros(),
            m=zeros(),
            v=zeros(),
            s=jnp.full_like(zeros(), self.s_init),
            x0=copy_of(params),
        )

    def update(
        self, updates: PyTree, state: MechanicState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, MechanicState]:
        require_params(self, params)
        # Those of init may have been replaced by trained ones before the first step.
        x0 = where(state.count == 0, params, state.x0)
        scale = jnp.sum(wide_real(state.s))
        tuning = self._tune(self._gain(updates, params, x0, scale), state)
        base_updates, inner_state = update_with_extra(
            self.base_optimizer, updates, state.base_optimizer_state, params, extra
        )
        new_scale = jnp.sum(tuning.s)
        scalars = _Scalars(new_scale, new_scale / (scale + self.eps) - 1)
        updates = map_updates(_rule, scalars, base_updates, params=params, x0=x0)
        new = state._replace(base_optimizer_state=inner_state, count=safe_increment(state.count), x0=x0)
        return updates, keep_types(new._replace(**tuning._asdict()), state)

    def _gain(self, updates: PyTree, params: PyTree, x0: PyTree, scale: jax.Array) -> jax.Array:
        """h: by how much the loss falls, to first order, for the way so far at scale 1."""
        decay = self.weight_decay * scale * global_norm(updates) / (global_norm(params) + self.eps)
        _, rows = align(updates, [("params", params), ("x0", x0)])
        rows = [tuple(map(widen, row)) for row in rows if row[0] is not None]
        gradients = [gradient + decay * param for gradient, param, _ in rows]
        return real_dot(gradients, [(start - param) / (scale + self.eps) for _, param, start in rows])

    def _tune(self, h: jax.Array, state: MechanicState) -> _Tuning:
        betas = 1 - 0.1 ** jnp.arange(1, self.num_betas + 1)
        old = _Tuning(*(wide_real(getattr(state, name)) for name in "rmvs"))
        m = jnp.maximum(betas * old.m, jnp.abs(h) + self.eps)
        v = betas**2 * old.v + lax.square(h)
        r = betas * old.r + jnp.clip(h, -old.m, old.m) * old.s
        wealth = self.s_init / self.num_betas * m + jnp.maximum(r, 0)
        return _Tuning(r, m, v, wealth / (jnp.sqrt(v) + self.eps))


class _Tuning(NamedTuple):
    r: jax.Array
    m: jax.Array
    v: jax.Array
    s: jax.Array


class _Scalars(NamedTuple):
    scale: jax.Array
    stretch: jax.Array


def _rule(update: jax.Array, param: jax.Array, start: jax.Array, scalars: _Scalars) -> jax.Array:
    # start + scale ((param - start) / divisor + update) - param, without the digits that this difference loses.
    return scalars.stretch * (param - start) + scalars.scale * update
