"""Attention: of all values, the mean that the likeness of query and key weighs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any, Literal, NamedTuple, get_args

import jax
from jax import lax

from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.layers.attention.alibi import alibi_slopes
from backprop_jax.layers.attention.checks import require_attention
from backprop_jax.layers.attention.fused import (
    FusedResiduals,
    fused_attend,
    fused_backward,
    has_kernels,
    obstacle,
)
from backprop_jax.layers.attention.grid import Inputs, Scoring
from backprop_jax.layers.attention.heads import from_heads, key_heads, query_heads
from backprop_jax.layers.attention.tiles import attend, attend_backward
from backprop_jax.layers.attention.visibility import Visibility
from backprop_jax.layers.dropout import require_rate
from backprop_jax.layers.recurrent.padded import mask_of

__all__ = ["DotProductAttention"]


# Elsewhere a tile is a few large products, and fewer tiles are better: one, of most models.
ACCELERATOR_TILE = 1024, 1024

Implementation = Literal["tiles", "cudnn"]


class AttentionResiduals(NamedTuple):
    q: jax.Array
    k: jax.Array
    v: jax.Array
    data: Visibility | None
    y: jax.Array
    lse: jax.Array  # (B, G, R, T, 1): the logarithm of Σ exp(scores), in at least float32
    key: jax.Array | tuple[()]

    def saving(self, y: jax.Array) -> "AttentionResiduals":
        """The same with the output in the form in which the next layer saves it too, so that it is saved once."""
        return self._replace(y=y)


@dataclass(frozen=True)
class DotProductAttention(Layer):
    """Each query's mean of the values, weighed by the softmax of its products with the keys.

        y = p v,   p = softmax(cap(scale q kᵀ) + bias) over the keys that a query sees

    with cap(s) = logit_softcap tanh(s / logit_softcap), or s. With `causal` a query sees the keys up to its own place,
    with `window` those less than so many places away, and further what `Visibility` says. A query that sees no key
    gives 0 and has no gradient. With `alibi` the bias is minus a slope of each head times the distance.

    Shapes:   (q (B, T, H, K), k (B, S, G, K), v (B, S, G, V)) -> y (B, T, H, V); or with a `Visibility` behind v.
              H is a multiple of G: heads g H / G and on share the keys of group g (grouped-query; multi-query: G = 1).
    Params:   none.   State: () or, with dropout, the PRNG key of the next masks.
    Saves:    q, k, v, what hides keys, y, and one number a query and head. Not p: it is one product away.
    Backward: dv = pᵀ dy,   ds = p (dy vᵀ - Σ dy y),   dq = scale ds k,   dk = scale dsᵀ q,   dbias = ds; times cap'
    Units:    scale is 1 / √K if None; `rate` the fraction of p that dropout removes. `tile` is the most queries and
              keys worked on at a time: memory grows with T + S, and tiles in which no query sees a key cost nothing.
              `implementation` "tiles" is this library's own, "cudnn" the fused kernels of NVIDIA's GPUs, whose
              backward pass is cuDNN's; None is the second where JAX's default device is such a GPU, no `tile` is given
              and the kernels take it all: float16 or bfloat16, heads of width 8, 16, ... 128, no dropout in training,
              alibi or soft cap, and of what hides keys lengths, a mask, a bias, or `causal` with a `window`. Arrays
              that are then on another device than the default one need "tiles".
    Raises:   ValueError if a hyper-parameter is out of range, the shapes do not fit one another or those of what hides
              keys, an array is not floating point, or "cudnn" is asked for what its kernels do not take.
    Source:   Vaswani et al., 2017, arXiv:1706.03762, eq. 1; Dao et al., 2022, arXiv:2205.14135, for the tiles; Shazeer,
              2019, arXiv:1911.02150, and Ainslie et al., 2023, arXiv:2305.13245, for the groups; Press et al., 2022,
              arXiv:2108.12409, for alibi.
    """

    causal: bool = False
    window: int | None = None
    scale: float | None = None
    logit_softcap: float | None = None
    alibi: bool = False
    rate: float = 0.0
    train: bool = True
    tile: tuple[int, int] | None = None
    implementation: Implementation | None = None

    def __post_init__(self) -> None:
        require_rate("DotProductAttention", self.rate)
        for name, given in (("scale", self.scale), ("logit_softcap", self.logit_softcap)):
            if given is not None and not (isinstance(given, Real) and 0 < float(given) < float("inf")):
                raise ValueError(f"DotProductAttention needs a finite {name} above 0 or None, not {given!r}")
        if self.tile is not None and (not isinstance(self.tile, tuple) or len(self.tile) != 2):
            raise ValueError(f"DotProductAttention needs a tile of two numbers, (queries, keys), not {self.tile!r}")
        for name, given in (("window", self.window), *(("tile", part) for part in self.tile or ())):
            if given is not None and whole_number(given, least=1) is None:
                raise ValueError(f"DotProductAttention needs a {name} of 1 or more, a whole number, not {given!r}")

        if self.implementation not in (None, *get_args(Implementation)):
            choices = ", ".join(map(repr, get_args(Implementation)))
            raise ValueError(
                f"DotProductAttention needs an implementation of {choices} or None, not {self.implementation!r}"
            )
        if self.implementation == "cudnn" and self.tile is not None:
            raise ValueError(f"DotProductAttention by cudnn takes no tile, but was given {self.tile}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return (), typed_key(key) if self.rate else ()

    def forward(
        self, params: PyTree, state: PyTree, x: PyTree
    ) -> tuple[jax.Array, PyTree, AttentionResiduals | FusedResiduals]:
        q, k, v, data = require_attention(self, x)
        scoring = self._scoring(*q.shape[2:])
        if self._is_fused(scoring, q, k, v, data):
            y, residuals = fused_attend(scoring, q, k, v, data)
            return y, state, residuals
        dropout_key: Any = ()
        if self._drops:
            state, dropout_key = jax.random.split(state)
        o, lse = self._by_platform(attend, scoring, _inputs(q, k, v, data, dropout_key))
        y = from_heads(o)
        return y, state, AttentionResiduals(q, k, v, data, y, lse, dropout_key)

    def backward(
        self, params: PyTree, residuals: AttentionResiduals | FusedResiduals, dy: jax.Array
    ) -> tuple[PyTree, PyTree]:
        if isinstance(residuals, FusedResiduals):
            return (), fused_backward(residuals, dy)
        q, k, v, data, y, lse, dropout_key = residuals
        groups = k.shape[2]
        o, do = query_heads(y.reshape(dy.shape), groups), query_heads(dy, groups)
        inputs = _inputs(q, k, v, data, dropout_key)
        *parts, dbias = self._by_platform(attend_backward, self._scoring(*q.shape[2:]), inputs, o, lse, do)
        dx = tuple(map(from_heads, parts))
        return (), dx if data is None else (*dx, Visibility(bias=dbias))

    @property
    def _drops(self) -> bool:
        return self.train and self.rate > 0

    def _is_fused(self, scoring: Scoring, q: jax.Array, k: jax.Array, v: jax.Array, data: Visibility | None) -> bool:
        asked = self.implementation == "cudnn"
        if not asked and (self.implementation == "tiles" or self.tile is not None or not has_kernels()):
            return False
        problem = obstacle(scoring, self._drops, q, k, v, data)
        if asked and problem is not None:
            raise ValueError(f"{self}: cudnn takes no {problem}; with implementation=None it is done by tiles")
        return problem is None

    def _by_platform(self, rule: Callable, scoring: Scoring, inputs: Inputs, *others: jax.Array) -> PyTree:
        """The rule with the tile that suits where it runs, unless one is given or it takes no more than one."""
        steps, keys = inputs.q.shape[3], inputs.k.shape[2]
        on_cpu = replace(scoring, tile=_cpu_tile(steps))
        if self.tile is not None or (steps <= on_cpu.tile[0] and keys <= on_cpu.tile[1]):
            return rule(scoring, inputs, *others)
        return lax.platform_dependent(inputs, *others, cpu=partial(rule, on_cpu), default=partial(rule, scoring))

    def _scoring(self, heads: int, width: int) -> Scoring:
        return Scoring(
            scale=width**-0.5 if self.scale is None else self.scale,
            causal=self.causal,
            window=self.window,
            logit_softcap=self.logit_softcap,
            alibi=alibi_slopes(heads) if self.alibi else None,
            rate=self.rate,
            tile=ACCELERATOR_TILE if self.tile is None else self.tile,
        )


def _inputs(q: jax.Array, k: jax.Array, v: jax.Array, data: Visibility | None, dropout_key: Any) -> Inputs:
    key = None if isinstance(dropout_key, tuple) else dropout_key
    data = data or Visibility()
    if data.keys is not None:
        data = data._replace(keys=mask_of(data.keys, k.shape[1]))
    return Inputs(query_heads(q, k.shape[2]), key_heads(k), key_heads(v), data, key)


def _cpu_tile(steps: int) -> tuple[int, int]:
    """What was fastest on two cores: small enough for their caches, and for half of a causal grid to be skipped."""
    # Of few queries, as when writing step by step, a tile of as many products has more keys.
    return (128, max(128, 2**14 // max(steps, 1))) if steps <= 1024 else (256, 512)
