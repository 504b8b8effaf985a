"""Self-attention: every step of a sequence looks at the others, in several ways at once."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.layers.attention.checks import require_heads
from backprop_jax.layers.attention.dot_product import DotProductAttention
from backprop_jax.layers.attention.rotary import RotaryEmbedding
from backprop_jax.layers.attention.sequences import sequences_of, visibility_of, with_sequences
from backprop_jax.layers.attention.visibility import Visibility

__all__ = ["SelfAttention"]


class Cache(NamedTuple):
    """The keys and values of the steps so far."""

    k: jax.Array  # (B, S, G, K)
    v: jax.Array  # (B, S, G, K)
    count: jax.Array  # (): how many of the S places are taken


class SelfAttentionResiduals(NamedTuple):
    start: jax.Array | None  # the place of the first step, with a cache
    attention: PyTree


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Attention among the steps of a sequence, from the queries, keys and values of all heads side by side.

        y = attention(turn(q), turn(k), v) of each head,   x = [q | k | v]

    A Dense layer before it makes x, another behind it mixes the heads: `attention_part` of the models' blocks puts the
    three together.
    With `cache` the layer remembers the keys and values of so many steps, for writing step by step.

    Shapes:   x (B, T, (H + 2 G) K) float -> y (B, T, H K), with H = num_heads, G = num_kv_heads (H if None). Or
              `Padded(x, lengths)` or `Packed(x, segments)` -> the same with y.
    Params:   none.   State: that of `attention` (the PRNG key of dropout); with `cache` (that, Cache).
    Saves:    what `attention` saves.
    Backward: of the parts, turned back, side by side. With `cache` the steps of earlier calls are constants.
    Units:    `rotary` turns queries and keys by their places. A cache has room for `cache` steps; when more have
              been written, which cannot be seen under jit, y is NaN. What stands at steps that are not real must be
              finite.
    Raises:   ValueError if the heads do not divide, the width of x is no multiple of theirs, a cache is asked of
              attention that is not causal, given lengths or segments, or more steps at once than it has room for.
    Source:   Vaswani et al., 2017, arXiv:1706.03762, section 3.2.2; Shazeer, 2019, arXiv:1911.02150, for the cache.
    """

    num_heads: int
    num_kv_heads: int | None = None
    attention: DotProductAttention = DotProductAttention()
    rotary: RotaryEmbedding | None = None
    cache: int | None = None

    def __post_init__(self) -> None:
        require_heads("SelfAttention", self.num_heads, self.groups)
        if self.cache is not None and whole_number(self.cache, least=1) is None:
            raise ValueError(f"SelfAttention needs a cache of 1 or more, a whole number, not {self.cache!r}")
        if self.cache is not None and not self.attention.causal:
            raise ValueError("SelfAttention with a cache must be causal: what comes later is not there yet")

    @property
    def groups(self) -> int:
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        sequences, _ = jax.eval_shape(self._parts, x)  # in a chain there are no lengths yet, but their type
        _, state = self.attention.init(key, None)
        if self.cache is None:
            return (), state
        batch, _, width = sequences.shape
        empty = jnp.zeros((batch, self.cache, self.groups, width // self._slots), sequences.dtype)
        return (), (state, Cache(empty, empty, jnp.zeros((), jnp.int32)))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, SelfAttentionResiduals]:
        sequences, data = self._parts(x)
        q, k, v = self._split(sequences)
        cache, start = None, None
        if self.cache is not None:
            state, cache = state
            start = cache.count
        q, k = self._turn(q, start), self._turn(k, start)
        if cache is not None:
            data = Visibility(start=cache.count)
            k, v = _write(cache.k, k, cache.count), _write(cache.v, v, cache.count)
        y, state, residuals = self.attention.forward((), state, (q, k, v) if data is None else (q, k, v, data))
        y = y.reshape(*y.shape[:2], self.num_heads * v.shape[3]).astype(sequences.dtype)  # a cache may be more precise
        residuals = residuals.saving(y)
        if cache is not None:
            count = cache.count + q.shape[1]
            state = state, Cache(k, v, count)
            y = jnp.where(count <= k.shape[1], y, jnp.nan)
        return with_sequences(x, y), state, SelfAttentionResiduals(start, residuals)

    def backward(self, params: PyTree, residuals: SelfAttentionResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        start, attention = residuals
        flat = sequences_of(dy)
        batch, steps, width = flat.shape
        in_heads = batch, steps, self.num_heads, width // self.num_heads
        _, (dq, dk, dv, *_) = self.attention.backward((), attention, flat.reshape(in_heads))
        if start is not None:
            # What was written in this call; the rest of the cache is a constant.
            cut = partial(lax.dynamic_slice_in_dim, start_index=start, slice_size=steps, axis=1)
            dk, dv = (cut(part).astype(flat.dtype) for part in (dk, dv))
        parts = self._turn_back(dq, start), self._turn_back(dk, start), dv
        joined = jnp.concatenate(parts, 2)
        return (), with_sequences(dy, joined.reshape(batch, steps, self._slots * joined.shape[3]))

    @property
    def _slots(self) -> int:
        return self.num_heads + 2 * self.groups

    def _parts(self, x: PyTree) -> tuple[jax.Array, Visibility | None]:
        sequences, data = sequences_of(x), visibility_of(self, x)
        require_float(self, sequences, rank=3)
        if len(sequences.shape) != 3 or sequences.shape[2] % self._slots or not sequences.shape[2]:
            raise ValueError(
                f"{self} needs x (B, T, W), W a multiple of its {self.num_heads} heads of queries and twice "
                f"{self.groups} of keys, {self._slots} in all, not {list(sequences.shape)}"
            )
        if self.cache is not None and data is not None:
            raise ValueError(f"{self} writes step by step, so it takes an array, not {type(x).__name__}")
        if self.cache is not None and sequences.shape[1] > self.cache:
            raise ValueError(f"{self} has room for {self.cache} steps, but was given {list(sequences.shape)}")
        return sequences, data

    def _split(self, sequences: jax.Array) -> list[jax.Array]:
        batch, steps, width = sequences.shape
        heads = sequences.reshape(batch, steps, self._slots, width // self._slots)
        return jnp.split(heads, (self.num_heads, self.num_heads + self.groups), 2)

    def _turn(self, heads: jax.Array, start: jax.Array | None) -> jax.Array:
        if self.rotary is None:
            return heads
        return self.rotary.forward((), (), heads if start is None else (heads, start + jnp.arange(heads.shape[1])))[0]

    def _turn_back(self, dheads: jax.Array, start: jax.Array | None) -> jax.Array:
        if self.rotary is None:
            return dheads
        if start is None:
            return self.rotary.backward((), (), dheads)[1]
        return self.rotary.backward((), start + jnp.arange(dheads.shape[1]), dheads)[1][0]


def _write(cache: jax.Array, part: jax.Array, start: jax.Array) -> jax.Array:
    return lax.dynamic_update_slice_in_dim(cache, part.astype(cache.dtype), start, 1)
