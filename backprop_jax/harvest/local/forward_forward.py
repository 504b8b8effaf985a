"""Layers that each tell real inputs from others, by how strongly they answer."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators.chain import Chain
from backprop_jax.core.checks import require_float
from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number

__all__ = ["ForwardForward", "forward_forward"]


def forward_forward(chain: Chain, classes: int, threshold: float = 1.0) -> "ForwardForward":
    """The chain, each of whose children learns alone, by `ForwardForwardLoss`; let each have its ReLU."""
    if not isinstance(chain, Chain) or not chain.children.layers:
        raise ValueError(f"forward_forward takes a chain of one layer or more, not {chain}")
    return ForwardForward(chain.children, classes, threshold)


class ForwardForwardResiduals(NamedTuple):
    children: PyTree
    outputs: tuple[jax.Array, ...]  # (B V, F_i)


@dataclass(frozen=True)
class ForwardForward(Layer):
    """Layers that are given an input with a label, for each label, and each say whether the two belong together.

        h_0 = (x, one-hot of v),   h_i = f_i(n(h_{i-1})),   y_iv = Σ h_i² - threshold F_i,   n(h) = h / sqrt(mean h²)

    Σ h_i² is the goodness, y its log-odds. The length of h_i, by which the layer before tells, is taken out in front of
    the next. In eval mode the mean of all layers but the first is given, so that the largest is the label.

    Shapes:   x (B, ...) float -> y (B, V, L), V = classes, of L layers; (B, V) in eval mode. h_i (B V, F_i).
              y is in at least float32.
    Params, state: those of the children.
    Saves:    what the children save, and h_i.
    Backward: dh_i = 2 h_i dy_i,   dparams_i = f_i'ᵀ dh_i;   nothing goes to the layer before, and dx is None.
    Raises:   ValueError if classes is less than 2 or threshold not above 0 and finite, x is no floating point array.
    Source:   Hinton, 2022, arXiv:2212.13345, sections 2 and 3.3. The label stands beside the image, not over its edge.
    """

    children: Children
    classes: int
    threshold: float = 1.0
    train: bool = True

    def __post_init__(self) -> None:
        if whole_number(self.classes, least=2) is None or not 0 < self.threshold < math.inf:
            raise ValueError(
                "ForwardForward needs a whole number of classes, 2 or more, and a finite threshold above 0, not "
                f"{self.classes!r} and {self.threshold!r}"
            )

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=1)
        return Chain(self.children).init(key, jax.eval_shape(self._labelled, x))

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, PyTree]:
        require_float(self, x, rank=1)
        h, odds, new_state, residuals, outputs = self._labelled(x), [], [], [], []
        for layer, own, own_state in self.children.zip(params, state):
            h, own_state, saved = layer.forward(own, own_state, _same_length(h))
            odds.append(jnp.sum(jnp.square(_precise(h)), -1) - self.threshold * h.shape[-1])
            new_state.append(own_state)
            residuals.append(saved)
            outputs.append(h)
        y = jnp.stack(odds, -1).reshape(len(x), self.classes, len(odds))
        saved = ForwardForwardResiduals(self.children.pack(residuals), tuple(outputs))
        return y if self.train else jnp.mean(self._asked(y), -1), self.children.pack(new_state), saved

    def backward(self, params: PyTree, residuals: ForwardForwardResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        count = len(residuals.outputs)
        if not self.train:
            asked = self._asked(jnp.arange(count))
            dy = jnp.where(jnp.isin(jnp.arange(count), asked), dy[..., None] / len(asked), 0)
        dparams = []
        for number, (layer, own, saved) in enumerate(self.children.zip(params, residuals.children)):
            h = residuals.outputs[number]
            dparams.append(layer.backward(own, saved, (2 * h * dy[..., number].reshape(-1, 1)).astype(h.dtype))[0])
        return self.children.pack(dparams), None

    def _labelled(self, x: jax.Array) -> jax.Array:
        """(B, ...) -> (B V, D + V)."""
        rows = jnp.repeat(x.reshape(len(x), -1), self.classes, 0)
        return jnp.concatenate([rows, jnp.tile(jnp.eye(self.classes, dtype=x.dtype), (len(x), 1))], -1)

    def _asked(self, layers: jax.Array) -> jax.Array:
        return layers[..., 1:] if len(self.children.layers) > 1 else layers


def _same_length(h: jax.Array) -> jax.Array:
    precise = _precise(h)
    return (precise / jnp.sqrt(jnp.mean(precise * precise, -1, keepdims=True) + 1e-8)).astype(h.dtype)


def _precise(h: jax.Array) -> jax.Array:
    return h.astype(jnp.promote_types(h.dtype, jnp.float32))
