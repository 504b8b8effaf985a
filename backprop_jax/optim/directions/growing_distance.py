"""Adam without a learning rate: the step is an estimate of the distance to the solution, which only grows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.directions.inner_products import real_dot
from backprop_jax.optim.directions.moments import Average, average, correction
from backprop_jax.optim.hyperparameters import Scalar, concrete, require_decay, require_non_negative, require_positive
from backprop_jax.optim.leafwise import (
    PyTree,
    align,
    in_dtypes_of,
    map_all,
    map_updates,
    require_real,
    widen,
    zeros_like,
)
from backprop_jax.optim.schedules.basic import ScalarOrSchedule, value_at
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform


class ProdigyState(NamedTuple):
    """Averages of gradient and square, weighted by the estimate; what the estimate is made of; and steps taken."""

    exp_avg: PyTree
    exp_avg_sq: PyTree
    grad_sum: PyTree
    params0: PyTree
    estim_lr: jax.Array
    numerator_weighted: jax.Array
    count: jax.Array


@dataclass(frozen=True)
class prodigy(Transform):
    """AdamW with the learning rate η d, where d is an estimate of the distance from the start to the solution.

        a <- η d sqrt(1 - b2^t) / (1 - b1^t)
        m <- b1 m + (1 - b1) d g,   v <- b2 v + (1 - b2) (d g)^2
        r <- beta3 r + a (d / estim_lr0) <g, p0 - p>,   s <- beta3 s + a (d / estim_lr0) g
        d' = max(d, estim_lr_coef r / |s|_1),   u = -a m / (sqrt(v) + d' eps) - weight_decay a p

    η is learning_rate, 1 or a schedule that falls from 1; b1, b2 are betas, beta3 is sqrt(b2) if not given. With
    safeguard_warmup the sum s grows by d in place of a, so that a small η of a warm-up does not blow up d. While all
    gradients have been zero, d stays.

    State:  `ProdigyState(exp_avg, exp_avg_sq, grad_sum, params0, estim_lr, numerator_weighted, count)`: m, v, s and p0
            like the parameters, of which init takes a copy; d and r in their narrowest dtype; count int32.
    Raises: ValueError if betas or beta3 are outside [0, 1), learning_rate, eps or weight_decay is negative, or
            estim_lr0 or estim_lr_coef is not above 0; at init if a parameter is complex; at update if `params` is
            missing, or differs from updates in structure or shape.
    Source: Mishchenko & Defazio, 2023, arXiv:2306.06101, algorithm 4, as optax has it: with bias correction in a.
    """

    learning_rate: ScalarOrSchedule = 1.0
    betas: tuple[Scalar, Scalar] = (0.9, 0.999)
    beta3: Scalar | None = None
    eps: Scalar = 1e-8
    estim_lr0: Scalar = 1e-6
    estim_lr_coef: Scalar = 1.0
    weight_decay: Scalar = 0.0
    safeguard_warmup: bool = False

    def __post_init__(self) -> None:
        if not callable(self.learning_rate):
            require_non_negative(self, "learning_rate", "1 is usual: the estimate is the learning rate")
        if all(concrete(beta) is not None for beta in self.betas):
            require_decay(self, "betas", "(0.9, 0.999) is usual: the shares of the averages that each step keeps")
        if self.beta3 is not None:
            require_decay(self, "beta3", "None takes the root of the second of betas")
        require_non_negative(self, "eps", "1e-8 is usual: it keeps the divisor off zero")
        require_positive(self, "estim_lr0", "1e-6 is usual: an estimate that is too small")
        require_positive(self, "estim_lr_coef", "1 is usual: it multiplies the estimate")
        require_non_negative(self, "weight_decay", "0 is usual; it shrinks the parameters, it does not grow them")

    def init(self, params: PyTree) -> ProdigyState:
        require_real(params, "prodigy")
        dtype = _narrowest_dtype(params)
        return ProdigyState(
            exp_avg=zeros_like(params),
            exp_avg_sq=zeros_like(params),
            grad_sum=zeros_like(params),
            # A copy: the parameters themselves may be donated to the step.
            params0=jax.tree.map(jnp.array, params),
            estim_lr=jnp.asarray(self.estim_lr0, dtype),
            numerator_weighted=jnp.zeros((), dtype),
            count=first_count(),
        )

    def update(
        self, updates: PyTree, state: ProdigyState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ProdigyState]:
        require_params(self, params)
        b1, b2 = self.betas
        beta3 = b2**0.5 if self.beta3 is None else self.beta3
        learning_rate, _ = value_at(self.learning_rate, state)
        count = safe_increment(state.count)
        distance = widen(state.estim_lr)
        rate = learning_rate * distance * lax.sqrt(correction(b2, count)) / correction(b1, count)
        relative = distance / self.estim_lr0
        to_sum = relative * (distance if self.safeguard_warmup else rate)
        scalars = _Scalars(distance, average(b1), average(b2), Average(beta3, to_sum))
        _, exp_avg, exp_avg_sq, grad_sum = map_all(
            _accumulate, scalars, updates, exp_avg=state.exp_avg, exp_avg_sq=state.exp_avg_sq, grad_sum=state.grad_sum
        )
        back_to_start = beta3 * widen(state.numerator_weighted) + relative * rate * _toward_start(
            updates, params, state
        )
        sum_size = sum((jnp.sum(jnp.abs(widen(leaf))) for leaf in jax.tree.leaves(grad_sum)), 0.0)
        estimate = self.estim_lr_coef * back_to_start / jnp.where(sum_size > 0, sum_size, 1.0)
        longer = jnp.maximum(distance, estimate)
        step_scalars = _StepScalars(-rate, -self.weight_decay * rate, longer * self.eps)
        updates = map_updates(_step, step_scalars, updates, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq, params=params)
        new_state = state._replace(
            exp_avg=exp_avg,
            exp_avg_sq=exp_avg_sq,
            grad_sum=grad_sum,
            estim_lr=longer,
            numerator_weighted=back_to_start,
            count=count,
        )
        return updates, in_dtypes_of(state, new_state)


def _toward_start(updates: PyTree, params: PyTree, state: ProdigyState) -> jax.Array:
    """<g, p0 - p>: positive where the gradient says that going away from the start was right."""
    _, rows = align(updates, [("params", params), ("params0", state.params0)])
    return jnp.asarray(sum((real_dot(g, widen(p0) - widen(p)) for g, p, p0 in rows if g is not None), 0.0))


def _narrowest_dtype(params: PyTree) -> jnp.dtype:
    dtypes = [jnp.result_type(leaf) for leaf in jax.tree.leaves(params)] or [jnp.dtype(jnp.float32)]
    return reduce(lambda one, other: one if jnp.promote_types(one, other) == other else other, dtypes)


class _Scalars(NamedTuple):
    distance: Scalar
    mean: Average
    square: Average
    total: Average


def _accumulate(
    gradient: jax.Array, mean: jax.Array, square: jax.Array, total: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    weighted = scalars.distance * gradient
    mean = scalars.mean.of(weighted, mean)
    square = scalars.square.of(lax.square(weighted), square)
    return gradient, mean, square, scalars.total.of(gradient, total)


class _StepScalars(NamedTuple):
    mean: Scalar
    decay: Scalar
    eps: Scalar


def _step(_: jax.Array, mean: jax.Array, square: jax.Array, param: jax.Array, scalars: _StepScalars) -> jax.Array:
    return scalars.mean * mean / (lax.sqrt(square) + scalars.eps) + scalars.decay * param
