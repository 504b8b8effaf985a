"""Where a model looks: the probabilities of its cross-attention, for a picture."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode, rewrite
from backprop_jax.layers import CrossAttention
from backprop_jax.layers.attention.heads import key_heads, query_heads
from backprop_jax.layers.attention.visibility import Span, visible

__all__ = ["cross_attention_maps"]


class Map(NamedTuple):
    p: jax.Array  # (B, H, T, S)


def cross_attention_maps(model: Layer, params: PyTree, x: PyTree) -> list[jax.Array]:
    """The probabilities of each cross-attention of a model in eval mode, (B, H, T, S); under a `scan` (L, B, H, T, S).

    They are made again from queries and keys, which attention does not do: the memory is that of the whole maps.
    """
    shown = rewrite(eval_mode(model), lambda layer: _Shown(layer) if isinstance(layer, CrossAttention) else layer)

    @jax.jit
    def run(params: PyTree) -> PyTree:
        _, state = shown.init(jax.random.key(0), x)
        return shown.forward(params, state, x)[1]

    leaves = jax.tree.leaves(run(params), is_leaf=lambda node: isinstance(node, Map))
    return [leaf.p for leaf in leaves if isinstance(leaf, Map)]


@dataclass(frozen=True)
class _Shown(Layer):
    """Cross-attention whose state is what it looked at."""

    layer: CrossAttention

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        params, state = self.layer.init(key, x)
        _, _, residuals = jax.eval_shape(self.layer.forward, params, state, x)
        p = jax.eval_shape(self._map, residuals)
        return params, (state, Map(jnp.zeros(p.shape, p.dtype)))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, own, residuals = self.layer.forward(params, state[0], x)
        return y, (own, Map(self._map(residuals))), residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.backward(params, residuals, dy)

    def _map(self, residuals: PyTree) -> jax.Array:
        q, k, _, data, _, lse, _ = residuals.attention
        scoring, inputs = self.layer.attention._parts(q, k, k, data, ())
        scores = scoring.scale * jnp.einsum("bgrtk,bgsk->bgrts", query_heads(q, k.shape[2]), key_heads(k))
        seen = visible(False, None, inputs.data, Span(0, q.shape[1]), Span(0, k.shape[1]))
        p = jnp.exp(scores - lse)
        p = p if seen is None else jnp.where(seen[:, :, None] if seen.ndim == 4 else seen, p, 0)
        return p.reshape(p.shape[0], -1, *p.shape[3:])
