"""Leave out steps whose gradients are not fit for use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, abs_squared, all_finite, widen
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.state_types import keep_types


class ApplyIfFiniteState(NamedTuple):
    """Steps left out in a row, whether the last gradient was finite, steps left out in all, and the inner state."""

    notfinite_count: jax.Array
    last_finite: jax.Array
    total_notfinite: jax.Array
    inner_state: PyTree


@dataclass(frozen=True)
class apply_if_finite(Transform):
    """Leave out a step, state and all, whose gradient has an infinity or a NaN anywhere: its updates are zero.

    After `max_consecutive_errors` such gradients in a row the next ones are used as they are, so that an error that
    lasts comes to light.

    State:  `ApplyIfFiniteState(notfinite_count, last_finite, total_notfinite, inner_state)`: counts int32.
    Raises: TypeError if `inner` is no transform; ValueError if max_consecutive_errors is negative.
    """

    elementwise = elementwise_if(lambda self: is_elementwise(self.inner))

    inner: Any
    max_consecutive_errors: int

    def __post_init__(self) -> None:
        require_transform(self.inner, "apply_if_finite: inner")
        require_non_negative(self, "max_consecutive_errors", "it is how many steps in a row may be left out")

    def init(self, params: PyTree) -> ApplyIfFiniteState:
        return ApplyIfFiniteState(first_count(), jnp.array(True), first_count(), self.inner.init(params))

    def update(
        self, updates: PyTree, state: ApplyIfFiniteState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ApplyIfFiniteState]:
        is_finite = all_finite(updates)
        in_a_row = jnp.where(is_finite, 0, safe_increment(state.notfinite_count))
        in_all = jnp.where(is_finite, state.total_notfinite, safe_increment(state.total_notfinite))
        applies = is_finite | (in_a_row > self.max_consecutive_errors)
        updates, inner_state = update_if(applies, self.inner, updates, state.inner_state, params, extra)
        return updates, state._replace(
            notfinite_count=in_a_row, last_finite=is_finite, total_notfinite=in_all, inner_state=inner_state
        )


def update_if(
    condition: jax.Array, transform: Any, updates: PyTree, state: PyTree, params: PyTree, extra: dict[str, Any]
) -> tuple[PyTree, PyTree]:
    """The transform's update where the condition holds, otherwise zeros and the old state. Only one is computed."""

    def update() -> tuple[PyTree, PyTree]:
        new_updates, new_state = update_with_extra(transform, updates, state, params, extra)
        return new_updates, keep_types(new_state, state)

    def leave_out() -> tuple[PyTree, PyTree]:
        # What updates look like is the transform's affair: those of lookahead are a pair of trees.
        return jax.tree.map(lambda shape: lax.full_like(shape, 0), jax.eval_shape(update)[0]), state

    return lax.cond(condition, update, leave_out)


class ShouldSkipUpdateFunction(Protocol):
    """Whether to leave a gradient out, a scalar bool, and any tree of measurements to be kept in the state."""

    def __call__(self, updates: PyTree, gradient_step: jax.Array, params: PyTree, /) -> tuple[jax.Array, PyTree]: ...


def skip_not_finite(
    updates: PyTree, gradient_step: jax.typing.ArrayLike, params: PyTree
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """For `MultiSteps`: leave out gradients with an infinity or a NaN; reports `should_skip`, `num_not_finite`."""
    counts = [jnp.sum(~jnp.isfinite(leaf)) for leaf in jax.tree.leaves(updates)]
    num_not_finite = jnp.sum(jnp.array(counts, int))
    should_skip = num_not_finite > 0
    return should_skip, {"should_skip": should_skip, "num_not_finite": num_not_finite}


def skip_large_updates(
    updates: PyTree, gradient_step: jax.typing.ArrayLike, params: PyTree, max_squared_norm: Scalar
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """For `MultiSteps`: leave out gradients unless Σ |g|^2 < max_squared_norm; reports `should_skip`, `norm_squared`.

    Give it as `functools.partial(skip_large_updates, max_squared_norm=42.0)`. A NaN is left out too.
    """
    squares = [jnp.sum(abs_squared(widen(leaf))) for leaf in jax.tree.leaves(updates)]
    norm_squared = jnp.sum(jnp.array(squares))
    should_skip = ~(norm_squared < max_squared_norm)
    return should_skip, {"should_skip": should_skip, "norm_squared": norm_squared}
