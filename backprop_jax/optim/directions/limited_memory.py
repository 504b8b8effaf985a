"""L-BFGS: an approximate inverse Hessian, from the last few steps and the changes of the gradient that they made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.directions.inner_products import real_dot, squared_norm
from backprop_jax.optim.hyperparameters import Scalar, require_count
from backprop_jax.optim.leafwise import PyTree, align, in_dtypes_of, unzip, widen, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform


class ScaleByLBFGSState(NamedTuple):
    """Steps taken, the last parameters and gradient, and the memory: of every step remembered along a first axis.

    A step is remembered by the change of the parameters, the change of the gradient, and 1 / their inner product.
    """

    count: jax.Array
    params: PyTree
    updates: PyTree
    diff_params_memory: PyTree
    diff_updates_memory: PyTree
    weights_memory: jax.Array


class _Step(NamedTuple):
    """A step remembered, or along a first axis all of them; the changes as lists of leaves."""

    s: list[jax.Array]
    y: list[jax.Array]
    weight: jax.Array


@dataclass(frozen=True)
class scale_by_lbfgs(Transform):
    """Multiply the gradient by an approximate inverse Hessian: u = H g.

        H <- (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ   for the last memory_size steps, the oldest first,
        s = p' - p,   y = g' - g,   ρ = 1 / <s, y>, or 0 where that is infinite

    The first H is γ I, where γ = <s, y> / <y, y> of the last step, and min(1, 1 / |g|) in the first, before there is
    one; with scale_init_precond=False it is I. Of complex numbers, inner products are the real parts.

    State:  `ScaleByLBFGSState(count, params, updates, diff_params_memory, diff_updates_memory, weights_memory)`: count
            int32; params and updates like the parameters; the memories too, with memory_size as an additional first
            axis; weights_memory (memory_size,) float32 (float64 if that is the default).
    Raises: ValueError if memory_size is not a whole number above 0; at update if `params` is missing,
            or updates, params and state differ in structure or shape.
    Source: Liu & Nocedal, 1989; Nocedal & Wright, Numerical Optimization, algorithms 7.4 and 7.5.
    """

    memory_size: int = 10
    scale_init_precond: bool = True

    def __post_init__(self) -> None:
        require_count(self, "memory_size", "10 is usual: how many steps are remembered")

    def init(self, params: PyTree) -> ScaleByLBFGSState:
        memory = lambda: jax.tree.map(
            lambda zero: jnp.broadcast_to(zero, (self.memory_size, *zero.shape)), zeros_like(params)
        )
        return ScaleByLBFGSState(
            count=first_count(),
            params=zeros_like(params),
            updates=zeros_like(params),
            diff_params_memory=memory(),
            diff_updates_memory=memory(),
            weights_memory=jnp.zeros(self.memory_size),
        )

    def update(
        self, updates: PyTree, state: ScaleByLBFGSState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ScaleByLBFGSState]:
        require_params(self, params)
        names = "params", "updates", "diff_params_memory", "diff_updates_memory"
        columns = [("params", params), *((f"state.{name}", getattr(state, name)) for name in names)]
        structure, rows = align(updates, columns, frozenset({"state.diff_params_memory", "state.diff_updates_memory"}))
        # A leaf without an update takes no part, and keeps its state.
        active = [row for row in rows if row[0] is not None]
        gradient, param, old_param, old_gradient, s_memory, y_memory = ([row[i] for row in active] for i in range(6))

        is_first = state.count == 0
        s, y = _change(param, old_param, is_first), _change(gradient, old_gradient, is_first)
        product = real_dot(s, y)
        step = _Step(s, y, jnp.where(product == 0.0, 0.0, 1.0 / product))
        slot = (state.count - 1) % self.memory_size
        store = lambda memory, entry: lax.dynamic_update_index_in_dim(memory, entry.astype(memory.dtype), slot, 0)
        memory = jax.tree.map(store, _Step(s_memory, y_memory, state.weights_memory), step)
        oldest_first = (slot + 1 + jnp.arange(self.memory_size)) % self.memory_size

        gamma: Scalar = 1.0
        if self.scale_init_precond:
            y_squared = squared_norm(y)
            at_first = jnp.minimum(1.0, lax.rsqrt(squared_norm(gradient)))
            gamma = jnp.where(is_first, at_first, jnp.where(y_squared > 0.0, product / y_squared, 1.0))
        direction = _times_inverse_hessian(gradient, memory, oldest_first, gamma)

        active_rows = zip(in_dtypes_of(gradient, direction), param, gradient, memory.s, memory.y, strict=True)
        new_rows = [(None, *row[2:]) if row[0] is None else next(active_rows) for row in rows]
        updates, *trees = unzip(structure, new_rows, len(names))
        new_state = state._replace(
            count=safe_increment(state.count), weights_memory=memory.weight, **dict(zip(names, trees, strict=True))
        )
        return updates, in_dtypes_of(state, new_state)


def _change(new: list[jax.Array], old: list[jax.Array], is_first: jax.Array) -> list[jax.Array]:
    return [jnp.where(is_first, 0, widen(x) - widen(x_old)) for x, x_old in zip(new, old, strict=True)]


def _times_inverse_hessian(
    gradient: list[jax.Array], memory: _Step, oldest_first: jax.Array, gamma: Scalar
) -> list[jax.Array]:
    """H g by two sweeps over the memory: back, which takes off what a step explains of g, and forth, which adds it."""
    recall = lambda position: jax.tree.map(lambda entries: widen(entries[position]), memory)

    def back(vector: list[jax.Array], position: jax.Array) -> tuple[list[jax.Array], jax.Array]:
        step = recall(position)
        alpha = step.weight * real_dot(step.s, vector)
        return _add(vector, -alpha, step.y), alpha

    def forth(vector: list[jax.Array], at: tuple[jax.Array, jax.Array]) -> tuple[list[jax.Array], None]:
        step, alpha = recall(at[0]), at[1]
        beta = step.weight * real_dot(step.y, vector)
        return _add(vector, alpha - beta, step.s), None

    vector, alphas = lax.scan(back, [widen(x) for x in gradient], oldest_first, reverse=True)
    vector = in_dtypes_of(vector, [gamma * x for x in vector])
    vector, _ = lax.scan(forth, vector, (oldest_first, alphas))
    return vector


def _add(vector: list[jax.Array], factor: jax.Array, change: list[jax.Array]) -> list[jax.Array]:
    return in_dtypes_of(vector, [x + factor * dx for x, dx in zip(vector, change, strict=True)])
