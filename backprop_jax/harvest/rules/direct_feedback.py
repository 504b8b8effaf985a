"""The output's error, sent to every layer at once."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax

from backprop_jax.combinators.chain import Chain
from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Template
from backprop_jax.harvest.outputs_of_chain import children_of, forward_each, outputs_like

__all__ = ["DirectFeedback", "direct_feedback"]


def direct_feedback(chain: Chain) -> "DirectFeedback":
    """The chain, whose children get the output's cotangent directly, each through a fixed random matrix of its own.

    Let a child be a layer with its activation, such as `chain(Dense(64), Tanh())`.
    """
    return DirectFeedback(children_of("direct_feedback", chain))


class DirectState(NamedTuple):
    children: PyTree
    feedback: tuple[jax.Array, ...]  # for each child but the last (outputs of the whole, outputs of the child)


class DirectResiduals(NamedTuple):
    children: PyTree
    feedback: tuple[jax.Array, ...]
    outputs: Template


@dataclass(frozen=True)
class DirectFeedback(Layer):
    """Layers one after the other, taught by the error at the end and not by each other.

        y = f_n(... f_2(f_1(x)))

    Shapes:   every f_i maps (B, ...) to (B, ...).   Params: those of the children.
    State:    (that of the children, feedback): F_i (outputs of f_n, outputs of f_i), normal with variance 1 / outputs
              of f_n, never changed.
    Saves:    what its layers save, and references to the feedback.
    Backward: dy_n = dy,   dy_i = dy F_i,   dparams_i = f_i'ᵀ dy_i,   dx that of f_1
    Raises:   ValueError if a layer gives anything but one array.
    Source:   Nøkland, 2016, arXiv:1609.01596.
    """

    children: Children

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, DirectState]:
        chain_key, feedback_key = jax.random.split(key)
        params, state = Chain(self.children).init(chain_key, x)
        sizes = [math.prod(like.shape[1:]) for like in outputs_like("direct_feedback", self.children, params, state, x)]
        keys = jax.random.split(feedback_key, len(sizes) - 1)
        drawn = zip(keys, sizes[:-1], strict=True)
        feedback = tuple(jax.random.normal(one, (sizes[-1], size)) / math.sqrt(sizes[-1]) for one, size in drawn)
        return params, DirectState(state, feedback)

    def forward(self, params: PyTree, state: DirectState, x: jax.Array) -> tuple[jax.Array, DirectState, PyTree]:
        outputs, new_state, residuals = forward_each(self.children, params, state.children, x)
        saved = DirectResiduals(residuals, state.feedback, Template.of(outputs))
        return outputs[-1], DirectState(new_state, state.feedback), saved

    def backward(self, params: PyTree, residuals: DirectResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        error = dy.reshape(len(dy), -1)
        arriving = [
            (error @ matrix.astype(error.dtype)).reshape(like.shape).astype(like.dtype)
            for matrix, like in zip(residuals.feedback, residuals.outputs.tree, strict=False)
        ]
        calls = zip(self.children.zip(params, residuals.children), [*arriving, dy], strict=True)
        dparams, dx = zip(*(layer.backward(own, saved, own_dy) for (layer, own, saved), own_dy in calls), strict=True)
        return self.children.pack(dparams), dx[0]
