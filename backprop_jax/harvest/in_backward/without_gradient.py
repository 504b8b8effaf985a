"""Layers that do not learn."""

from backprop_jax.combinators import with_backward
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.in_backward.of_one_layer import change_selected
from backprop_jax.harvest.selecting import Selector

__all__ = ["freeze"]


def freeze(layer: Layer, selector: Selector) -> Layer:
    """The layer in which the selected layers' parameters have no gradient.

    Their weight gradients are not calculated, and where everything before is frozen too, neither is what would go on
    to it. An optimizer with weight decay still moves them: leave them out with its mask.

    Raises:   ValueError if the selector means no layer, or one with a parameter of two uses.
    """
    return change_selected("freeze", layer, selector, lambda part: with_backward(part, _without_gradient))


def _without_gradient(layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
    _, dx = layer.backward(params, residuals, dy)
    return None, dx
