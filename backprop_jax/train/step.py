"""One step of training, one step of evaluation: forward, loss, backward, update under one jit."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.core.rewrite import eval_mode
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.optim import apply_updates
from backprop_jax.optim.combining import update_with_extra
from backprop_jax.optim.leafwise import all_finite
from backprop_jax.optim.wrappers.state_types import keep_types, where

__all__ = ["Training", "make_evaluation", "make_step", "make_steps", "start"]


class GradientTransform(Protocol):
    """What an optimizer is: ours or optax's."""

    init: Callable[..., Any]
    update: Callable[..., Any]


class Training(NamedTuple):
    """All that training changes."""

    params: PyTree
    state: PyTree
    optimizer_state: PyTree


@partial(jax.jit, static_argnums=(0, 1))
def start(objective: Layer, optimizer: GradientTransform, key: jax.Array, batch: PyTree) -> Training:
    """Fresh parameters, state and optimizer state for batches like `batch`."""
    params, state = objective.init(key, batch)
    return Training(params, state, optimizer.init(params))


def make_step(
    objective: Layer,
    optimizer: GradientTransform,
    watch: Callable[[PyTree], PyTree] | None = None,
    differentiate: Callable[[Layer], Callable] = value_and_grad,
    augment: Augmentation | None = None,
    extra: Callable[[PyTree, PyTree, PyTree, jax.Array | None], dict[str, Any]] | None = None,
    guard_optimizer: bool = True,
) -> partial:
    """The compiled step `(training, batch) -> (training, loss)`, or `(training, (loss, watch(gradient)))` with `watch`.

    The buffers of `training` are donated: the old value is gone after the call. Objective and optimizer are values, so
    steps made of equal ones share one compilation; give `watch` and `differentiate` as named functions for the same
    reason. The optimizer also gets `value`, `grad` and `value_fn`, the loss of this batch as a function of the
    parameters. `differentiate` stands in for `value_and_grad`, to compare with another way to the gradient.

    With `augment` the step is `(training, (x, y), key) -> ...`, and trains on `augment(key, x, y)`. What
    `extra(params, state, batch, key)` gives the optimizer gets too, such as `harvest.GiveCurvature(objective)`; key is
    that of the step, or None.

    Called with `healthy`, a bool array, the step gives `(training, (outcome, healthy))`, and changes nothing unless
    that is true and the loss and all that `watch` tells are finite; the flag given back is whether they were. Without
    `guard_optimizer` the optimizer's state changes all the same, which is faster.
    """
    return partial(_step, objective, optimizer, watch, differentiate, augment, extra, guard_optimizer)


def make_steps(step: partial) -> Callable[..., tuple[Training, Any]]:
    """Several steps of what `make_step` made in one call, by a scan: for models so small that calling takes longer than
    the step.

    Takes what a step takes, batches and keys stacked along a new first axis, and gives the outcomes stacked so.
    """
    return partial(_steps, step.args)


def _take(
    objective: Layer,
    optimizer: Any,
    watch: Any,
    differentiate: Any,
    augment: Augmentation | None,
    give: Any,
    guard_optimizer: bool,
    training: Training,
    batch: PyTree,
    key: jax.Array | None = None,
    healthy: jax.Array | None = None,
) -> tuple[Training, Any]:
    if augment is not None:
        if key is None:
            raise ValueError("a step with augmentation needs a key: step(training, (x, y), key)")
        batch = augment(key, *batch)
    params, state, optimizer_state = training
    (loss, state), gradient = differentiate(objective)(params, state, batch)
    # What line searches, Polyak's step size and schedules that watch the loss ask for; the others ignore it.
    extra = {"value": loss, "grad": gradient, "value_fn": lambda at: objective.forward(at, training.state, batch)[0]}
    if give is not None:
        extra |= give(params, training.state, batch, None if key is None else jax.random.fold_in(key, 1))
    outcome = loss if watch is None else (loss, watch(gradient))

    def update() -> tuple[PyTree, PyTree]:
        updates, new_state = update_with_extra(optimizer, gradient, optimizer_state, params, extra)
        return apply_updates(params, updates), new_state

    if healthy is None:
        new_params, optimizer_state = update()
        return Training(new_params, state, optimizer_state), outcome
    healthy &= all_finite(outcome)
    old = params, optimizer_state
    if (
        guard_optimizer
    ):  # under a condition, for a choice between old and new numbers would keep the old ones for longer
        params, optimizer_state = lax.cond(healthy, lambda: keep_types(update(), old), lambda: old)
    else:
        new_params, optimizer_state = keep_types(update(), old)
        params = where(healthy, new_params, params)
    return Training(params, where(healthy, state, training.state), optimizer_state), (outcome, healthy)


_step = jax.jit(_take, static_argnums=(0, 1, 2, 3, 4, 5, 6), donate_argnums=7)


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def _steps(
    made_of: tuple, training: Training, batches: PyTree, keys: jax.Array | None = None, healthy: jax.Array | None = None
) -> tuple[Training, Any]:
    take: Callable[..., tuple[Training, Any]] = partial(_take, *made_of)

    def body(carry: tuple, inputs: tuple) -> tuple[tuple, Any]:
        training, healthy = carry
        training, outcome = take(training, *inputs, healthy=healthy)
        return (training, None if healthy is None else outcome[1]), outcome

    (training, _), outcomes = lax.scan(body, (training, healthy), (batches, keys))
    return training, outcomes


def make_evaluation(model: Layer) -> Callable[[PyTree, PyTree, PyTree], PyTree]:
    """The compiled function `(params, state, x) -> y` of the model in eval mode; state is read, not changed."""
    return partial(_evaluate, eval_mode(model))


@partial(jax.jit, static_argnums=0)
def _evaluate(model: Layer, params: PyTree, state: PyTree, x: PyTree) -> PyTree:
    y, _, _ = model.forward(params, state, x)
    return y
