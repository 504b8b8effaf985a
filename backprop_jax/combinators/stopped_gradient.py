"""A layer that training leaves as it is: nothing flows back into it, nor through it."""

from dataclasses import dataclass

import jax
from jax import lax

from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["StopGradient", "stop_gradient"]


def stop_gradient(layer: Layer) -> "StopGradient":
    """The layer as a constant. Around the front of a model, such as a trained backbone, it leaves the rest to train:
    the front then has no backward pass and keeps nothing for one.

    Its parameters stay where they were, so a model is frozen and thawed by exchanging the value. They have a gradient
    of zero; an optimizer that moves them without one, by weight decay, is told to leave them by
    `optim.groups({"backbone/*": optim.set_to_zero()}, default=...)`. Batch norms in train mode still move their
    statistics, and dropouts draw: `stop_gradient(eval_mode(backbone))` is wholly fixed.
    """
    return StopGradient(layer)


@dataclass(frozen=True)
class StopGradient(Layer):
    """A layer whose output is taken for a constant.

        y = stop_gradient(f(x))

    Params, state: those of f.   Saves: nothing.
    Backward: None for the parameters and for x. Whatever comes before it in a chain has no gradient either.
    """

    is_wiring = True
    layer: Layer

    def __post_init__(self) -> None:
        require_layer("stop_gradient", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, state, _ = self.layer.forward(params, state, x)
        return lax.stop_gradient(y), state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return None, None
