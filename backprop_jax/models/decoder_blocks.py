"""The blocks of a decoder that looks at what an encoder has read."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators import chain, first, parallel, skip, skip_first
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree, output_like
from backprop_jax.core.static import Static
from backprop_jax.initializers import Initializer, normal
from backprop_jax.layers import CrossAttention, Dense, Dropout, LayerNorm
from backprop_jax.layers.attention.sequences import sequences_of
from backprop_jax.models.transformer_blocks import Recompute, head_width, with_recompute

__all__ = [
    "Remembered",
    "SharedMemory",
    "cross_attention_part",
    "post_norm_decoder_block",
    "pre_norm_decoder_block",
    "with_what_is_kept",
]


class Kept(NamedTuple):
    own: PyTree
    y: PyTree


@dataclass(frozen=True)
class Remembered(Layer):
    """A layer that may work once only: for a memory that is the same in each step that is written.

        y = f(x), or what that was in an earlier call

    State:    that of f; with mode "keep", which makes y, and "recall", which does not look at x: `Kept(that, y)`.
    Params, saves: those of f.
    Backward: that of f; in mode "recall" y is a constant.
    """

    is_wiring = True
    layer: Layer
    mode: Literal["compute", "keep", "recall"] = "compute"

    def __post_init__(self) -> None:
        require_layer("Remembered", self.layer)
        if self.mode not in ("compute", "keep", "recall"):
            raise ValueError(f"Remembered needs a mode of 'compute', 'keep' or 'recall', not {self.mode!r}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        params, state = self.layer.init(key, x)
        if self.mode == "compute":
            return params, state
        like = output_like(self.layer, params, state, x)
        return params, Kept(state, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        if self.mode == "compute":
            return self.layer.forward(params, state, x)
        own, y = state
        if self.mode == "recall":
            return y, state, ()
        y, own, residuals = self.layer.forward(params, own, x)
        return y, Kept(own, y), residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return (None, None) if self.mode == "recall" else self.layer.backward(params, residuals, dy)


def with_what_is_kept(state: PyTree, earlier: PyTree) -> PyTree:
    """The state, with what an earlier one keeps: under a `scan` each call would else copy it."""

    def chosen(new: PyTree, old: PyTree) -> PyTree:
        return old if isinstance(new, Kept) else new

    return jax.tree.map(chosen, state, earlier, is_leaf=lambda node: isinstance(node, Kept))


@dataclass(frozen=True)
class SharedMemory(Layer):
    """Cross-attention with K sequences in a row to each memory, which is there once: their steps are those of one.

    Shapes:   (q (B K, T, W), memory (B, S, ...) or that `Padded`) -> y (B K, T, ...).
    State, saves: those of the layer.
    Backward: that of the layer, of the steps side by side
    """

    layer: CrossAttention

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PyTree]:
        q, memory = x
        (sequences, steps, width), batch = q.shape, len(sequences_of(memory))
        q = q.reshape(batch, sequences // max(batch, 1) * steps, width)
        y, state, residuals = self.layer.forward(params, state, (q, memory))
        return y.reshape(sequences, steps, y.shape[2]), state, (residuals, Static((q.shape[:2], sequences, steps)))

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, PyTree]:
        residuals, shape = residuals
        together, sequences, steps = shape.value
        dparams, (dq, dmemory) = self.layer.backward(params, residuals, dy.reshape(*together, dy.shape[2]))
        return dparams, (dq.reshape(sequences, steps, dq.shape[2]), dmemory)


def cross_attention_part(
    features: int,
    num_heads: int,
    *,
    rate: float = 0.0,
    norm: Layer | None = None,
    kernel_init: Initializer = normal(0.02),
    out_init: Initializer = normal(0.02),
) -> Chain:
    """A norm of x, if one is given; queries of x, keys and values of the memory; attention; the heads mixed; dropout.

    Shapes:   (x (B, T, features), memory (B, S, D) or that `Padded`) -> (B, T, features).
    Params:   a dict: "project" (of x, the norm's and "c_q"; of the memory), "heads", empty, and "mix" ("c_proj").
    Raises:   ValueError if the features cannot be divided among the heads.
    """
    head_width(features, num_heads)
    c_q, c_kv = Dense(features, kernel_init=kernel_init), Dense(2 * features, kernel_init=kernel_init)
    return chain(
        project=parallel(chain(c_q=c_q) if norm is None else chain(norm=norm, c_q=c_q), Remembered(first(c_kv))),
        heads=CrossAttention(num_heads),
        mix=chain(c_proj=Dense(features, kernel_init=out_init), dropout=Dropout(rate)),
    )


def post_norm_decoder_block(
    attention: Layer, cross: Layer, feed_forward: Layer, eps: float = 1e-5, recompute: Recompute = "norms"
) -> Layer:
    """norm(x + attention(x)), norm(x + cross(x, memory)), norm(x + feed_forward(x)), of (x, memory).

    Source:   Vaswani et al., 2017, arXiv:1706.03762, figure 1, on the right.
    """
    block = chain(
        attn=first(skip(attention)),
        ln_1=first(LayerNorm(eps)),
        cross=skip_first(cross),
        ln_2=first(LayerNorm(eps)),
        mlp=first(skip(feed_forward)),
        ln_3=first(LayerNorm(eps)),
    )
    return with_recompute(block, recompute)


def pre_norm_decoder_block(
    attention: Layer, cross: Layer, feed_forward: Layer, recompute: Recompute = "norms"
) -> Layer:
    """x + attention(x), x + cross(x, memory), x + feed_forward(x), of (x, memory); the norms are within the parts."""
    block = chain(attn=first(skip(attention)), cross=skip_first(cross), mlp=first(skip(feed_forward)))
    return with_recompute(block, recompute)
