"""Cross-attention: the steps of one sequence look at those of another."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_components, require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.attention.checks import require_heads
from backprop_jax.layers.attention.dot_product import DotProductAttention
from backprop_jax.layers.attention.packed import Packed
from backprop_jax.layers.attention.sequences import sequences_of, visibility_of
from backprop_jax.layers.recurrent.padded import Padded

__all__ = ["CrossAttention"]


class CrossAttentionResiduals(NamedTuple):
    attention: PyTree
    padded: Static  # whether the memory was


@dataclass(frozen=True)
class CrossAttention(Layer):
    """Attention of the steps of one sequence to those of another, from queries and from keys and values side by side.

        y = attention(q, k, v) of each head,   x = (q, [k | v])

    Shapes:   (q (B, T, H K) float, memory (B, S, 2 G K) float, or that `Padded`) -> y (B, T, H K), with H = num_heads,
              G = num_kv_heads (H if None).
    Params:   none.   State, saves: those of `attention`.
    Backward: of the parts, those of keys and values side by side.
    Raises:   ValueError if the heads do not divide, a width is no multiple of theirs, or the lengths do not fit.
    Source:   Vaswani et al., 2017, arXiv:1706.03762, section 3.2.3.
    """

    num_heads: int
    num_kv_heads: int | None = None
    attention: DotProductAttention = DotProductAttention()

    def __post_init__(self) -> None:
        require_heads("CrossAttention", self.num_heads, self.groups)

    @property
    def groups(self) -> int:
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.attention.init(key, None)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, CrossAttentionResiduals]:
        require_components(self, x, 2)
        q, memory = x
        if isinstance(memory, Packed):
            raise ValueError(f"{self} looks at a whole memory: an array or Padded, not Packed")
        data, keys_and_values = visibility_of(self, memory), sequences_of(memory)
        for array, heads in ((q, self.num_heads), (keys_and_values, 2 * self.groups)):
            require_float(self, array, rank=3)
            if len(array.shape) != 3 or array.shape[2] % heads or not array.shape[2]:
                raise ValueError(f"{self} needs an array (B, T, W), W a multiple of {heads}, not {list(array.shape)}")
        q = _in_heads(q, self.num_heads)
        k, v = jnp.split(_in_heads(keys_and_values, 2 * self.groups), 2, 2)
        y, state, residuals = self.attention.forward((), state, (q, k, v) if data is None else (q, k, v, data))
        y = _side_by_side(y)
        return y, state, CrossAttentionResiduals(residuals.saving(y), Static(isinstance(memory, Padded)))

    def backward(self, params: PyTree, residuals: CrossAttentionResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        attention, padded = residuals
        _, (dq, dk, dv, *_) = self.attention.backward((), attention, _in_heads(dy, self.num_heads))
        dmemory = _side_by_side(jnp.concatenate([dk, dv], 2))
        return (), (_side_by_side(dq), Padded(dmemory, None) if padded.value else dmemory)


def _in_heads(x: jax.Array, heads: int) -> jax.Array:
    batch, steps, width = x.shape
    return x.reshape(batch, steps, heads, width // heads)


def _side_by_side(heads: jax.Array) -> jax.Array:
    batch, steps, count, width = heads.shape
    return heads.reshape(batch, steps, count * width)
