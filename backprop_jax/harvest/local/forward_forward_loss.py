"""The loss of layers that tell the right label from the wrong ones."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.losses.checks import require_pair

__all__ = ["ForwardForwardLoss"]


class ForwardForwardLossResiduals(NamedTuple):
    odds: jax.Array
    target: jax.Array


@dataclass(frozen=True)
class ForwardForwardLoss(Layer):
    """The cross-entropy of "this is the label": yes for the right one, no for one of the others.

        loss = mean over examples of the sum over layers of  softplus(-y_target) + mean_{v ≠ target} softplus(y_v)

    The paper draws one wrong label for each example; this is the mean over these draws, without a key.

    Shapes:   prediction (B, V) or (B, V, L) float, log-odds, of L layers; target (B,) integer in [0, V)
              -> y () in at least float32.
    Params, state: none.   Saves: both as they came.
    Backward: dprediction = (-σ(-y) at the target, else σ(y) / (V - 1)) dy / B. The target is a constant.
    Units:    nats.
    Raises:   ValueError if there are no such shapes and dtypes. A label outside [0, V) cannot be seen under jit: the
              loss is NaN, and so is the gradient of that example.
    Source:   Hinton, 2022, arXiv:2212.13345, equation 1 and section 3.3.
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PyTree]:
        odds, target = require_pair(self, x)
        require_float(self, odds, rank=2)
        if odds.ndim > 3 or odds.shape[1] < 2 or target.shape != odds.shape[:1]:
            raise ValueError(
                f"{self} needs log-odds (B, V) or (B, V, L) and labels (B,), not {list(odds.shape)} and "
                f"{list(target.shape)}: they come from forward_forward(...)"
            )
        if not jnp.issubdtype(target.dtype, jnp.integer):
            raise ValueError(f"{self} needs labels of an integer dtype, not {target.dtype}{list(target.shape)}")
        right, weight = self._right(odds, target)
        precise = odds.astype(jnp.promote_types(odds.dtype, jnp.float32))
        terms = weight * jax.nn.softplus(jnp.where(right, -precise, precise))
        return jnp.sum(terms) / len(odds), state, ForwardForwardLossResiduals(odds, target)

    def backward(self, params: PyTree, residuals: ForwardForwardLossResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        odds, target = residuals
        right, weight = self._right(odds, target)
        precise = odds.astype(jnp.promote_types(odds.dtype, jnp.float32))
        slope = weight * jnp.where(right, -jax.nn.sigmoid(-precise), jax.nn.sigmoid(precise))
        return (), ((slope * dy / len(odds)).astype(odds.dtype), None)

    def _right(self, odds: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
        classes = odds.shape[1]
        right = (target[:, None] == jnp.arange(classes)).reshape(len(odds), classes, *[1] * (odds.ndim - 2))
        is_label = jnp.any(right, 1, keepdims=True)
        return right, jnp.where(is_label, jnp.where(right, 1.0, 1 / (classes - 1)), jnp.nan)
