"""A layer whose backward is replaced: straight-through, surrogate gradients, feedback alignment."""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["WithBackward", "with_backward"]

Rule = Callable[[Layer, PyTree, PyTree, PyTree], tuple[PyTree, PyTree]]


def with_backward(layer: Layer, rule: Rule) -> "WithBackward":
    """The layer with `rule(layer, params, residuals, dy) -> (dparams, dx)` in place of its `backward`.

    `rule` is handed the layer, so that it can call `layer.backward` and change what comes out. A named function or a
    frozen dataclass keeps the layer equal to itself when rebuilt; a fresh lambda does not.
    """
    return WithBackward(layer, rule)


@dataclass(frozen=True)
class WithBackward(Layer):
    """A layer with another backward.

        y = f(x)

    Params, state, saves: those of f.   Backward: (dparams, dx) = rule(f, params, residuals, dy).
    """

    layer: Layer
    rule: Rule

    def __post_init__(self) -> None:
        require_layer("with_backward", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return self.layer.forward(params, state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return self.rule(self.layer, params, residuals, dy)
