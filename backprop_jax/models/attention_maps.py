"""Where a model looks: the probabilities of its cross-attention, for a picture."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode, layers_of, rewrite
from backprop_jax.layers import CrossAttention

__all__ = ["cross_attention_maps"]


def cross_attention_maps(model: Layer, params: PyTree, x: PyTree) -> list[jax.Array]:
    """The probabilities p (B, H, T, S) of each cross-attention of a model in eval mode; under a `scan` (L, B, H, T, S).

    What attention never forms is formed here: memory grows with T S.

    Raises:   ValueError if the model has no `CrossAttention`.
    """
    if not layers_of(model, CrossAttention):
        raise ValueError(f"{type(model).__name__} has no CrossAttention to show")
    return _maps(rewrite(eval_mode(model), _with_map), params, x)


class Map(NamedTuple):
    p: jax.Array  # (B, H, T, S)


@partial(jax.jit, static_argnums=0)
def _maps(model: Layer, params: PyTree, x: PyTree) -> list[jax.Array]:
    _, state = model.init(jax.random.key(0), x)
    _, state, _ = model.forward(params, state, x)
    leaves = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Map))
    return [leaf.p for leaf in leaves if isinstance(leaf, Map)]


def _with_map(layer: Layer) -> Layer:
    if not isinstance(layer, CrossAttention):
        return layer
    # By tiles, whose residuals have the queries and keys; cuDNN's kernels do not tell them.
    return Shown(replace(layer, attention=replace(layer.attention, implementation="tiles")))


@dataclass(frozen=True)
class Shown(Layer):
    """Cross-attention that leaves its p in its state."""

    layer: CrossAttention

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        params, own = self.layer.init(key, x)
        p = jax.eval_shape(self._forward, params, own, x)[2]
        return params, (own, Map(jnp.zeros(p.shape, p.dtype)))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, own, p, residuals = self._forward(params, state[0], x)
        return y, (own, Map(p)), residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.backward(params, residuals, dy)

    def _forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, jax.Array, PyTree]:
        y, state, residuals = self.layer.forward(params, state, x)
        q, k, _, data, *_ = residuals.attention
        # Attention is p v, so that of the identity is p.
        v = jnp.broadcast_to(jnp.eye(k.shape[1], dtype=k.dtype)[:, None], (*k.shape[:3], k.shape[1]))
        p, _, _ = self.layer.attention.forward((), state, (q, k, v) if data is None else (q, k, v, data))
        return y, state, jnp.swapaxes(p, 1, 2), residuals
