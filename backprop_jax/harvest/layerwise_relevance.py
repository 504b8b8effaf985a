"""What each input accounts for, layer by layer."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.combinators import with_backward
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode, rewrite_leaves, rewrite_with_path
from backprop_jax.harvest.explanations import target_rows
from backprop_jax.layers import AvgPool, Conv, Dense, Dropout, Flatten, GlobalAvgPool, Identity, MaxPool, Reshape
from backprop_jax.layers.elementwise import Elementwise

__all__ = ["relevance"]


def relevance(
    model: Layer, params: PyTree, state: PyTree, x: jax.Array, target: jax.Array, eps: float = 1e-6
) -> jax.Array:
    """How much of y[target] each input number accounts for, layer by layer, in the form of x: the ε rule.

        R_x = x ⊙ f'ᵀ (R_y / (y + eps sign y))   where f is linear,   R_x = R_y   where it acts on each element

    What biases and eps account for is lost; without them the sum over an example is y[target].

    Raises:   ValueError if eps is not above 0 and finite, the model is more than a chain of Dense, Conv, pools,
              elementwise and reshaping layers, or target is not one class number for each example.
    Source:   Bach et al., 2015, PLoS ONE 10(7), eq. 58; Montavon et al., 2019, section 10.2.
    """
    if not 0 < eps < math.inf:
        raise ValueError(f"relevance needs a finite eps above 0, for it divides by what may be 0, not {eps!r}")
    model = eval_mode(model)
    rewrite_with_path(model, _refuse_wiring)
    by_rules = rewrite_leaves(model, lambda path, leaf: _with_relevance(path, leaf, eps))
    y, _, residuals = by_rules.forward(params, state, x)
    return by_rules.backward(params, residuals, y * target_rows(y, target))[1]


@dataclass(frozen=True)
class Relevance(Layer):
    """A linear layer whose backward hands on relevance by the ε rule."""

    layer: Layer
    eps: float

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, state, residuals = self.layer.forward(params, state, x)
        return y, state, (residuals, x, y)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        own, x, y = residuals
        share = dy / (y + self.eps * jnp.where(y >= 0, 1.0, -1.0))
        return None, x * self.layer.backward(params, own, share.astype(dy.dtype))[1]


def _handed_on(layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
    return None, dy


LINEAR, MOVING = (Dense, Conv, AvgPool, GlobalAvgPool), (Flatten, Reshape, Identity, MaxPool, Dropout)


def _with_relevance(path: str, layer: Layer, eps: float) -> Layer:
    if isinstance(layer, LINEAR):
        return Relevance(layer, eps)
    if isinstance(layer, Elementwise):
        return with_backward(layer, _handed_on)
    if isinstance(layer, MOVING):
        return layer
    raise ValueError(f"there is no rule of relevance for {layer} at {path!r}; fold_batch_norm removes batch norms")


def _refuse_wiring(path: str, layer: Layer) -> Layer:
    if layer.is_wiring and not isinstance(layer, Chain):
        raise ValueError(f"there is no rule of relevance for {type(layer).__name__} at {path!r}: only chains have one")
    return layer
