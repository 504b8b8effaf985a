"""Accumulate the gradients of several batches before each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.combining import is_elementwise, require_transform
from backprop_jax.optim.hyperparameters import dtype_name, require_count
from backprop_jax.optim.leafwise import PyTree, map_all, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.skipping import ShouldSkipUpdateFunction, update_if
from backprop_jax.optim.wrappers.state_types import keep_types, strong


class MultiStepsState(NamedTuple):
    """Gradients since the last step, steps taken, the optimizer's state, the mean so far, and what skipping reports."""

    mini_step: jax.Array
    gradient_step: jax.Array
    inner_opt_state: PyTree
    acc_grads: PyTree
    skip_state: PyTree = ()


@dataclass(frozen=True)
class MultiSteps(Transform):
    """Take one step of an optimizer every k gradients, on their mean; between steps the updates are zero.

        a <- a + (g - a) / n   for the n-th of k gradients, or with use_grad_mean=False  a <- a + g;
        at the k-th  u = update(a),  a <- 0

    `every_k_schedule` is k, or a function from the number of steps taken to k. `should_skip_update_fn`, such as
    `skip_not_finite`, may leave gradients out: they then count for nothing. `extra` is that of the k-th gradient.

    State:  `MultiStepsState(mini_step, gradient_step, inner_opt_state, acc_grads, skip_state)`: acc_grads like the
            parameters, in the precision of `accumulator_dtype`, or in their own if that is None.
    Raises: TypeError if `opt` is no transform; ValueError for a k that is not above 0, an `accumulator_dtype` that is
            not floating point, or if `should_skip_update_fn` does not return a scalar bool first.
    """

    elementwise = elementwise_if(lambda self: self.should_skip_update_fn is None and is_elementwise(self.opt))

    opt: Any
    every_k_schedule: int | Callable[[Any], Any]
    use_grad_mean: bool = True
    should_skip_update_fn: ShouldSkipUpdateFunction | None = None
    accumulator_dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        require_transform(self.opt, "MultiSteps: opt")
        if not callable(self.every_k_schedule):
            require_count(self, "every_k_schedule", "it is the number of gradients to a step, or a function to it")
        object.__setattr__(self, "accumulator_dtype", dtype_name(self, "accumulator_dtype"))

    @property
    def inner_opt(self) -> Any:
        """`opt`."""
        return self.opt

    def init(self, params: PyTree) -> MultiStepsState:
        _, skip_state = self._should_skip(zeros_like(params), first_count(), params)
        return MultiStepsState(
            mini_step=first_count(),
            gradient_step=first_count(),
            inner_opt_state=self.opt.init(params),
            acc_grads=jax.tree.map(lambda param: zeros_like(param, self._accumulator_dtype(param)), params),
            skip_state=strong(skip_state),
        )

    def update(
        self, updates: PyTree, state: MultiStepsState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, MultiStepsState]:
        skips, skip_state = self._should_skip(updates, state.gradient_step, params)
        every_k = self.every_k_schedule
        every_k = every_k(state.gradient_step) if callable(every_k) else every_k
        is_step = ~skips & (state.mini_step == every_k - 1)
        mini_step = safe_increment(state.mini_step)
        scalars = _Scalars(mini_step if self.use_grad_mean else None, skips, is_step)
        gathered, acc_grads = map_all(_rule, scalars, updates, acc_grads=state.acc_grads)
        updates, inner_state = update_if(is_step, self.opt, gathered, state.inner_opt_state, params, extra)
        return updates, state._replace(
            mini_step=keep_types(jnp.where(skips, state.mini_step, mini_step % every_k), state.mini_step),
            gradient_step=jnp.where(is_step, safe_increment(state.gradient_step), state.gradient_step),
            inner_opt_state=inner_state,
            acc_grads=acc_grads,
            skip_state=keep_types(skip_state, state.skip_state),
        )

    def has_updated(self, state: MultiStepsState) -> jax.Array:
        """Whether the update that led to this state was a step."""
        return (state.mini_step == 0) & (state.gradient_step > 0)

    def gradient_transformation(self) -> MultiSteps:
        """This transform: in optax `MultiSteps` itself is none."""
        return self

    def _should_skip(self, updates: PyTree, gradient_step: jax.Array, params: PyTree) -> tuple[jax.Array, PyTree]:
        if self.should_skip_update_fn is None:
            return jnp.array(False), ()
        skips, skip_state = self.should_skip_update_fn(updates, gradient_step, params)
        if jnp.result_type(skips) != jnp.bool_ or jnp.shape(skips) != ():
            raise ValueError(
                "MultiSteps: should_skip_update_fn must return a scalar bool, and a tree to be kept in the state; "
                f"got {jnp.result_type(skips)} of shape {jnp.shape(skips)}"
            )
        return jnp.asarray(skips), skip_state

    def _accumulator_dtype(self, param: Any) -> Any:
        if self.accumulator_dtype is None:
            return None
        is_complex = jnp.issubdtype(jnp.result_type(param), jnp.complexfloating)
        dtype = jnp.finfo(self.accumulator_dtype).dtype
        return (jnp.promote_types(dtype, jnp.complex64) if is_complex else dtype).name


class _Scalars(NamedTuple):
    gathered: jax.Array | None
    skips: jax.Array
    is_step: jax.Array


def _rule(gradient: jax.Array, total: jax.Array, scalars: _Scalars) -> tuple[jax.Array, jax.Array]:
    gathered = total + (gradient if scalars.gathered is None else (gradient - total) / scalars.gathered)
    return gathered, jnp.where(scalars.skips, total, jnp.where(scalars.is_step, 0, gathered))
