"""Schedule-free training: averages of the parameters in place of a falling learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.applying import apply_updates
from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_positive
from backprop_jax.optim.leafwise import PyTree, map_updates
from backprop_jax.optim.schedules.basic import ScalarOrSchedule
from backprop_jax.optim.step_count import safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.state_types import copy_of, keep_types, lowest_dtype, wide_real


class ScheduleFreeState(NamedTuple):
    """b1, the sum of the weights, the number of the next step, the largest learning rate, the inner state, and z."""

    b1: jax.Array
    weight_sum: jax.Array
    step_count: jax.Array
    max_lr: jax.Array
    base_optimizer_state: PyTree
    z: PyTree


@dataclass(frozen=True)
class schedule_free(Transform):
    """Let an optimizer move z, average z in x, and take gradients between the two: the parameters are y.

        z <- z + u,   x <- (1 - c) x + c z,   y = b1 x + (1 - b1) z
        c = w / Σ w,  w = r^weight_lr_power with r the largest learning rate so far

    `base_optimizer` has the same learning rate, or schedule with a warm-up but no fall, and no momentum. The results of
    training are the x: `schedule_free_eval_params(state, params)`.

    State:  `ScheduleFreeState(b1, weight_sum, step_count, max_lr, base_optimizer_state, z)`: step_count int32, from 1;
            the other scalars in the lowest dtype of the parameters; z like them, in `state_dtype` if given. Unlike
            other transforms, init reads the values of the parameters: z starts as their copy.
    Raises: TypeError if `base_optimizer` is no transform; ValueError if b1 is not above 0; at init if `state_dtype` is
            real and a parameter is complex; at update if `params` is missing.
    Source: Defazio et al., 2024, arXiv:2405.15682, eq. 6-8, with the weights of section 2.2.
    """

    elementwise = elementwise_if(lambda self: is_elementwise(self.base_optimizer))

    base_optimizer: Any
    learning_rate: ScalarOrSchedule
    b1: Scalar = 0.9
    weight_lr_power: Scalar = 2.0
    state_dtype: Any = None

    def __post_init__(self) -> None:
        require_transform(self.base_optimizer, "schedule_free: base_optimizer")
        require_positive(self, "b1", "0.9 is usual: the share of the average in the parameters")
        object.__setattr__(self, "state_dtype", dtype_name(self, "state_dtype"))

    def init(self, params: PyTree) -> ScheduleFreeState:
        dtype = lowest_dtype(params)
        return ScheduleFreeState(
            b1=jnp.asarray(self.b1, dtype),
            weight_sum=jnp.zeros((), dtype),
            step_count=jnp.ones((), jnp.int32),
            max_lr=jnp.zeros((), dtype),
            base_optimizer_state=self.base_optimizer.init(params),
            z=copy_of(params, self.state_dtype),
        )

    def update(
        self, updates: PyTree, state: ScheduleFreeState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ScheduleFreeState]:
        require_params(self, params)
        learning_rate = self.learning_rate(state.step_count) if callable(self.learning_rate) else self.learning_rate
        max_lr = jnp.maximum(wide_real(state.max_lr), learning_rate)
        weight = max_lr**self.weight_lr_power
        weight_sum = wide_real(state.weight_sum) + weight
        # While the learning rate is 0, so are the weights, and the average stays.
        share = jnp.where((weight_sum == 0) | jnp.isinf(weight_sum), 0.0, weight / weight_sum)
        updates, inner_state = update_with_extra(
            self.base_optimizer, updates, state.base_optimizer_state, params, extra
        )
        z = apply_updates(state.z, updates)
        updates = map_updates(_rule, _Scalars(self.b1, share), updates, params=params, old_z=state.z, z=z)
        return updates, state._replace(
            weight_sum=keep_types(weight_sum, state.weight_sum),
            step_count=safe_increment(state.step_count),
            max_lr=keep_types(max_lr, state.max_lr),
            base_optimizer_state=inner_state,
            z=z,
        )


def schedule_free_eval_params(state: ScheduleFreeState, params: PyTree) -> PyTree:
    """The averaged parameters x of `schedule_free`, for use and evaluation; `params` are those that are trained.

    Raises: ValueError if `state` is not that of `schedule_free` itself, such as that of a chain around it.
    """
    if not (hasattr(state, "b1") and hasattr(state, "z")):
        raise ValueError(
            f"schedule_free_eval_params: needs a ScheduleFreeState, got a {type(state).__name__}; "
            "pass the part of the state that schedule_free made"
        )
    return map_updates(_average, wide_real(state.b1), params, z=state.z)


class _Scalars(NamedTuple):
    b1: Scalar
    share: jax.Array


def _rule(update: jax.Array, y: jax.Array, old_z: jax.Array, z: jax.Array, scalars: _Scalars) -> jax.Array:
    # x is not stored: it follows from y and z, also where something else has changed y. The change of y is
    # b1 (change of x) + (1 - b1) (change of z), written in differences: between two y it would lose digits.
    moved = z - old_z
    return scalars.share * (scalars.b1 * moved - (y - old_z)) + (1 - scalars.b1) * moved


def _average(y: jax.Array, z: jax.Array, b1: Scalar) -> jax.Array:
    return z + (y - z) / b1
