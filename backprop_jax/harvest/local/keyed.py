"""Where the randomness of a rule comes from: a key in the state, as that of any layer."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.core.checks import require_layer
from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["Keyed", "key_of"]


class KeyedState(NamedTuple):
    layer: PyTree
    key: jax.Array


@dataclass(frozen=True)
class Keyed(Layer):
    """A model with a random key for the rule that differentiates it.

        y = f(x)

    `ForwardGradient` and `EvolutionStrategies` draw what they perturb the parameters with from it.

    Params:   those of f.   State: (that of f, the key of the next step).   Saves: what f saves.
    Backward: that of f.
    """

    is_wiring = True
    layer: Layer

    def __post_init__(self) -> None:
        require_layer("Keyed", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, KeyedState]:
        own_key, next_key = jax.random.split(key)
        params, state = self.layer.init(own_key, x)
        return params, KeyedState(state, typed_key(next_key))

    def forward(self, params: PyTree, state: KeyedState, x: PyTree) -> tuple[PyTree, KeyedState, PyTree]:
        y, new_state, residuals = self.layer.forward(params, state.layer, x)
        next_key, _ = jax.random.split(state.key)
        return y, KeyedState(new_state, next_key), residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.backward(params, residuals, dy)


def key_of(rule: Any, state: PyTree) -> jax.Array:
    """The key of this step. Raises: ValueError if the state is not that of a `Keyed` model."""
    if not isinstance(state, KeyedState):
        raise ValueError(f"{rule} draws at random: give it an objective of Keyed(model), whose state has a key")
    _, key = jax.random.split(state.key)
    return key
