"""Apply a transform at some steps only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jax import lax

from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.skipping import update_if
from backprop_jax.optim.wrappers.state_types import keep_types

ConditionFn = Callable[..., Any]


class ConditionallyTransformState(NamedTuple):
    """The inner transform's state, and the steps taken, at which it was applied or not."""

    inner_state: PyTree
    step: jax.Array


class ConditionallyMaskState(NamedTuple):
    """The steps taken, and the state of the inner transform, which was applied at some of them."""

    step: jax.Array
    inner_state: PyTree


@dataclass(frozen=True)
class _Conditionally(Transform):
    elementwise = elementwise_if(lambda self: is_elementwise(self.inner))

    inner: Any
    should_transform_fn: ConditionFn
    forward_extra_args: bool = False

    def __post_init__(self) -> None:
        name = type(self).__name__
        require_transform(self.inner, f"{name}: inner")
        if not callable(self.should_transform_fn):
            raise TypeError(
                f"{name}: should_transform_fn must be a function from the step to a bool, "
                f"got {self.should_transform_fn!r}"
            )

    def _applies(self, step: jax.Array, extra: dict[str, Any]) -> Any:
        return self.should_transform_fn(step, **(extra if self.forward_extra_args else {}))


@dataclass(frozen=True)
class conditionally_transform(_Conditionally):
    """Apply a transform at the steps at which a condition holds; at the others hand the updates on unchanged.

    `should_transform_fn(step)` says whether it holds, as a bool or a boolean scalar; step, an int32 scalar, is 0 at
    first. With `forward_extra_args` it is given the extra arguments of update too, as keyword arguments.

    State:  `ConditionallyTransformState(inner_state, step)`; inner_state changes at those steps only.
    Raises: TypeError if `inner` is no transform or `should_transform_fn` no function.
    """

    def init(self, params: PyTree) -> ConditionallyTransformState:
        return ConditionallyTransformState(inner_state=self.inner.init(params), step=first_count())

    def update(
        self, updates: PyTree, state: ConditionallyTransformState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ConditionallyTransformState]:

        def update() -> tuple[PyTree, PyTree]:
            changed = update_with_extra(self.inner, updates, state.inner_state, params, extra)
            return keep_types(changed, (updates, state.inner_state))

        applies = self._applies(state.step, extra)
        updates, inner_state = lax.cond(applies, update, lambda: (updates, state.inner_state))
        return updates, state._replace(inner_state=inner_state, step=safe_increment(state.step))


@dataclass(frozen=True)
class conditionally_mask(_Conditionally):
    """Apply a transform at the steps at which a condition holds; at the others the updates become zero.

    The condition is that of `conditionally_transform`.

    State:  `ConditionallyMaskState(step, inner_state)`; inner_state changes at those steps only.
    Raises: TypeError if `inner` is no transform or `should_transform_fn` no function.
    """

    def init(self, params: PyTree) -> ConditionallyMaskState:
        return ConditionallyMaskState(step=first_count(), inner_state=self.inner.init(params))

    def update(
        self, updates: PyTree, state: ConditionallyMaskState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ConditionallyMaskState]:
        applies = self._applies(state.step, extra)
        updates, inner_state = update_if(applies, self.inner, updates, state.inner_state, params, extra)
        return updates, state._replace(step=safe_increment(state.step), inner_state=inner_state)
