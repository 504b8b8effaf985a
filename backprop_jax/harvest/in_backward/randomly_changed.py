"""Gradients that are changed at random, by a key in the state as that of any layer."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_layer
from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["RandomRule", "RandomlyChanged"]


class RandomRule(Protocol):
    """What is made of the gradient of one array of parameters at the step of this number, which begins at 0."""

    def __call__(self, gradient: jax.Array, key: jax.Array, step: jax.Array) -> jax.Array: ...


class ChangedState(NamedTuple):
    layer: PyTree
    key: jax.Array  # of the next step
    step: jax.Array  # its number


class ChangedResiduals(NamedTuple):
    layer: PyTree
    key: jax.Array
    step: jax.Array


@dataclass(frozen=True)
class RandomlyChanged(Layer):
    """A layer whose parameters' gradient is changed at random.

        y = f(x)

    Params:   those of f.   State: (that of f, key, number of steps so far), as they are in eval mode.
    Saves:    what f saves, the key of this step, and its number.
    Backward: dparams = rule(dparams of f, key, step), array by array,   dx that of f
    """

    layer: Layer
    rule: RandomRule
    train: bool = True

    def __post_init__(self) -> None:
        require_layer("RandomlyChanged", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, ChangedState]:
        own_key, next_key = jax.random.split(key)
        params, state = self.layer.init(own_key, x)
        return params, ChangedState(state, typed_key(next_key), jnp.zeros((), jnp.int32))

    def forward(self, params: PyTree, state: ChangedState, x: PyTree) -> tuple[PyTree, ChangedState, PyTree]:
        y, own, residuals = self.layer.forward(params, state.layer, x)
        if not self.train:
            return y, state._replace(layer=own), residuals
        next_key, key = jax.random.split(state.key)
        return y, ChangedState(own, next_key, state.step + 1), ChangedResiduals(residuals, key, state.step)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        if not self.train:
            return self.layer.backward(params, residuals, dy)
        dparams, dx = self.layer.backward(params, residuals.layer, dy)
        leaves, structure = jax.tree.flatten(dparams)
        keys = jax.random.split(residuals.key, max(len(leaves), 1))
        changed = [
            self.rule(leaf, key, residuals.step).astype(leaf.dtype) for leaf, key in zip(leaves, keys, strict=False)
        ]
        return structure.unflatten(changed), dx
