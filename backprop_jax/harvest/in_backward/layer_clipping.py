"""Gradients that are clipped layer by layer."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.combinators import with_backward
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.in_backward.of_one_layer import change_selected
from backprop_jax.harvest.selecting import Selector
from backprop_jax.optim import global_norm

__all__ = ["clip_layers"]


def clip_layers(layer: Layer, selector: Selector, max_norm: float) -> Layer:
    """The layer in which the gradient of the selected layers' parameters, each layer's by itself, is at most max_norm.

    What goes on to the layers before is not changed.

    Raises:   ValueError if max_norm is not above 0, the selector means no layer, or one with a parameter of two uses.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_layers needs a max_norm above 0, not {max_norm!r}")
    return change_selected("clip_layers", layer, selector, lambda part: with_backward(part, ClipGradient(max_norm)))


@dataclass(frozen=True)
class ClipGradient:
    """The rule of `clip_layers`:   dparams min(1, max_norm / |dparams|)."""

    max_norm: float

    def __call__(self, layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dx = layer.backward(params, residuals, dy)
        norm = global_norm(dparams)
        factor = jnp.where(norm > self.max_norm, self.max_norm / norm, 1.0)
        return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), dparams), dx
