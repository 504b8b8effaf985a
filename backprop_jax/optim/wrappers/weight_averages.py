"""Average the parameters over the steps of a training, beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.applying import apply_updates
from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import Scalar, require_count, require_decay, require_non_negative
from backprop_jax.optim.leafwise import PyTree, widen
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.state_types import evaluate


class AverageParamsState(NamedTuple):
    """Steps taken, parameters averaged, their average, and the state of the optimizer."""

    count: jax.Array
    averaged: jax.Array
    average: PyTree
    inner_state: PyTree


@dataclass(frozen=True)
class average_params(Transform):
    """Let an optimizer train as it would alone, and average where it comes to.

        a = Σ w p / Σ w over the steps start + every, start + 2 every, ...;   p the parameters after the step
        w = decay^(how many were averaged since);  all equal with decay=None

    With a decay this is the exponential moving average of the weights, corrected for its start; with decay=None, a
    `start` late in the training and steps of an epoch between, stochastic weight averaging. Before anything is averaged
    the average is the parameters themselves. `averaged_params(state)` gives it; it is saved and resumed with the state.

    The running statistics of a batch norm are those of the parameters that were trained: run some batches through the
    model in train mode with the averaged ones before it is used.

    State:  `AverageParamsState(count, averaged, average, inner_state)`: counts int32; average like the parameters, in
            at least float32. Unlike other transforms, init reads the values of the parameters.
    Raises: TypeError if `optimizer` is no transform; ValueError if decay is outside [0, 1), start negative or every no
            whole number above 0; at update if `params` is missing.
    Source: Polyak & Juditsky, 1992; Izmailov et al., 2018, arXiv:1803.05407, algorithm 1, for start and every.
    """

    elementwise = elementwise_if(lambda self: is_elementwise(self.optimizer))

    optimizer: Any
    decay: Scalar | None = None
    start: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        require_transform(self.optimizer, "average_params: the optimizer")
        if self.decay is not None:
            require_decay(self, "decay", "0.999 is usual, and None for an average of equal weights")
        require_non_negative(self, "start", "it is the number of steps before the first that may count")
        require_count(self, "every", "it is the number of steps from one average to the next")

    def init(self, params: PyTree) -> AverageParamsState:
        average = evaluate(lambda tree: jax.tree.map(_wide_copy, tree), params)
        return AverageParamsState(first_count(), first_count(), average, self.optimizer.init(params))

    def update(
        self, updates: PyTree, state: AverageParamsState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, AverageParamsState]:
        require_params(self, params)
        updates, inner_state = update_with_extra(self.optimizer, updates, state.inner_state, params, extra)
        count = safe_increment(state.count)
        counts = (count > self.start) & ((count - self.start) % self.every == 0)
        averaged = jnp.where(counts, safe_increment(state.averaged), state.averaged)
        # The weight of the newest among decay^0 + decay^1 + ... of all.
        number = jnp.maximum(averaged, 1)
        share = 1 / number if self.decay is None else _newest_share(self.decay, number)
        share = jnp.where(averaged == 0, 1.0, jnp.where(counts, share, 0.0))

        def mixed(old: jax.Array, new: jax.Array) -> jax.Array:
            new = widen(new)
            is_inexact = jnp.issubdtype(old.dtype, jnp.inexact)
            return jnp.where(share == 1, new, old + share * (new - old)).astype(old.dtype) if is_inexact else new

        average = jax.tree.map(mixed, state.average, apply_updates(params, updates))
        return updates, AverageParamsState(count, averaged, average, inner_state)


def _newest_share(decay: jax.typing.ArrayLike, number: jax.Array) -> jax.Array:
    """(1 - decay) / (1 - decay^number), in which near 1 the power alone would round the difference away."""
    if isinstance(decay, int | float):
        logarithm: Any = math.log(decay) if decay else -math.inf
    else:
        logarithm = jnp.log1p(decay - 1)
    return jnp.asarray((1 - decay) / -jnp.expm1(number * logarithm))


def averaged_params(state: PyTree, params: PyTree = None) -> PyTree:
    """The average that `average_params` keeps in the state of an optimizer, wherever it stands in that.

    They are in at least float32; with `params`, in the dtypes of these.

    Raises: ValueError if there is none in the state, or more than one.
    """
    is_average = lambda node: isinstance(node, AverageParamsState)
    found = [node for node in jax.tree.leaves(state, is_leaf=is_average) if is_average(node)]
    if len(found) != 1:
        raise ValueError(
            f"averaged_params: the state holds {len(found)} averages of parameters, and needs to hold one: "
            "train with average_params(optimizer)"
        )
    average = found[0].average
    return average if params is None else jax.tree.map(lambda param, mean: mean.astype(param.dtype), params, average)


def _wide_copy(param: Any) -> jax.Array:
    return jnp.array(widen(param), copy=True)  # with buffers of its own, so that both may be donated
