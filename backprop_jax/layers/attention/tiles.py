"""Softmax attention, one tile of queries and keys after the other: a (T, S) array is never formed.

Forward keeps for each query the largest score so far, the sum of exponentials, and the sum of the values that they
weigh. Only their log-sum-exp is saved: from it backward has the probabilities of a tile again, by one product.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.varying import vary_like
from backprop_jax.layers.attention.grid import Inputs, Scoring, Tile, in_tiles
from backprop_jax.layers.attention.visibility import Span, places, visible

__all__ = ["attend", "attend_backward"]


def attend(scoring: Scoring, inputs: Inputs) -> tuple[jax.Array, jax.Array]:
    """The output (B, G, R, T, K), and the log-sum-exp of the scores (B, G, R, T, 1): +inf where no key is seen."""
    steps, (inputs, grid) = inputs.q.shape[3], in_tiles(scoring, inputs)
    q, v = inputs.q, inputs.v
    precise = jnp.promote_types(q.dtype, jnp.float32)
    row = q.shape[:-1]
    # The weighted sum of values, the largest score and the sum of exponentials.
    start = (
        jnp.zeros((*row, v.shape[-1]), precise),
        jnp.full((*row, 1), -jnp.inf, precise),
        jnp.zeros((*row, 1), precise),
    )

    def step(sums: tuple[jax.Array, ...], tile: Tile) -> tuple[tuple[jax.Array, ...], None]:
        rows, columns = grid.spans(tile)
        o, top, total = (_cut(part, rows) for part in sums)
        scores, _ = _scores(scoring, inputs, rows, columns)
        highest = jnp.maximum(top, lax.stop_gradient(jnp.max(scores, -1, keepdims=True, initial=-jnp.inf)))
        shift = jnp.where(highest == -jnp.inf, 0, highest)  # no infinity less infinity
        weights, fade = jnp.exp(scores - shift), jnp.exp(top - shift)
        total = fade * total + jnp.sum(weights, -1, keepdims=True)
        dropped = _drop(scoring, inputs.key, tile, weights).astype(v.dtype)
        o = fade * o + _product("bgrts,bgsk->bgrtk", dropped, _cut(v, columns), precise)
        return tuple(_paste(part, new, rows) for part, new in zip(sums, (o, highest, total), strict=True)), None

    (o, top, total), _ = lax.scan(step, vary_like(start, inputs), grid.tiles)
    unseen = total == 0
    o = jnp.where(unseen, 0, o / jnp.where(unseen, 1, total)).astype(jnp.result_type(q, v))
    lse = jnp.where(unseen, jnp.inf, top + jnp.log(jnp.where(unseen, 1, total)))
    return o[..., :steps, :], lse[..., :steps, :]


def attend_backward(
    scoring: Scoring, inputs: Inputs, o: jax.Array, lse: jax.Array, do: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array | None]:
    """The cotangents of q, k, v and the bias."""
    given, (inputs, grid) = inputs, in_tiles(scoring, inputs)
    q, k, v, bias = *inputs[:3], inputs.data.bias
    precise = lse.dtype
    do_sum = jnp.sum(do.astype(precise) * o.astype(precise), -1, keepdims=True)
    do, do_sum, lse = (grid.pad_rows(part) for part in (do, do_sum, lse))
    start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, precise), (q, k, v, bias))

    def step(sums: tuple[Any, ...], tile: Tile) -> tuple[tuple[Any, ...], None]:
        rows, columns = grid.spans(tile)
        dq, dk, dv, dbias = sums
        q_part, k_part, v_part = _cut(q, rows), _cut(k, columns), _cut(v, columns)
        do_part = _cut(do, rows)
        scores, slope = _scores(scoring, inputs, rows, columns)
        p = jnp.exp(scores - _cut(lse, rows))
        # forward: o = drop(p) v   so: dv = drop(p)ᵀ do, dp = drop(do vᵀ)
        dropped = _drop(scoring, inputs.key, tile, p).astype(do.dtype)
        dv = _add(dv, _product("bgrts,bgrtk->bgsk", dropped, do_part, precise), columns)
        dp = _drop(scoring, inputs.key, tile, _product("bgrtk,bgsk->bgrts", do_part, v_part, precise))
        # forward: p = softmax(scores)   so: dscores = p (dp - Σ p dp), and Σ p dp = Σ do o
        dscores = p * (dp - _cut(do_sum, rows))
        if dbias is not None:
            dbias = _add_to_bias(dbias, dscores, rows, columns)
        # forward: scores = cap(scale q kᵀ) + bias
        dproduct = (dscores * slope).astype(q.dtype)
        dq = _add(dq, _product("bgrts,bgsk->bgrtk", dproduct, k_part, precise), rows)
        dk = _add(dk, _product("bgrts,bgrtk->bgsk", dproduct, q_part, precise), columns)
        return (dq, dk, dv, dbias), None

    sums, _ = lax.scan(step, vary_like(start, (inputs, do)), grid.tiles)

    def without_padding(cotangent: jax.Array, primal: jax.Array) -> jax.Array:
        return lax.slice(cotangent, (0,) * cotangent.ndim, primal.shape).astype(primal.dtype)

    return jax.tree.map(without_padding, sums, (*given[:3], given.data.bias))


def _scores(scoring: Scoring, inputs: Inputs, queries: Span, keys: Span) -> tuple[jax.Array, Any]:
    """The scores of a tile, -inf where a query does not see a key; and their derivative by q kᵀ."""
    q, k = _cut(inputs.q, queries), _cut(inputs.k, keys)
    scores = scoring.scale * _product("bgrtk,bgsk->bgrts", q, k, jnp.promote_types(q.dtype, jnp.float32))
    slope: Any = scoring.scale
    if scoring.logit_softcap is not None:
        ratio = jnp.tanh(scores / scoring.logit_softcap)
        scores, slope = scoring.logit_softcap * ratio, scoring.scale * (1 - ratio * ratio)
    grouped = partial(_grouped, groups=q.shape[1])
    if scoring.alibi is not None:
        distance = jnp.abs(jnp.subtract(*places(inputs.data, queries, keys)))
        slopes = jnp.asarray(scoring.alibi, scores.dtype)[None, :, None, None]
        scores = scores - grouped(slopes * distance.astype(scores.dtype))
    if inputs.data.bias is not None:
        scores = scores + grouped(_cut_bias(inputs.data.bias, queries, keys))
    allowed = visible(scoring.causal, scoring.window, inputs.data, queries, keys)
    return scores if allowed is None else jnp.where(grouped(allowed), scores, -jnp.inf), slope


def _grouped(array: jax.Array, groups: int) -> jax.Array:
    """(B, H, t, s) as (B, G, R, t, s); (B, 1, t, s) as (B, 1, 1, t, s)."""
    batch, heads, *rest = array.shape
    return array.reshape(batch, 1, 1, *rest) if heads == 1 else array.reshape(batch, groups, heads // groups, *rest)


def _drop(scoring: Scoring, key: jax.Array | None, tile: Tile, weights: jax.Array) -> jax.Array:
    if key is None or scoring.rate == 0:
        return weights
    keep = jax.random.bernoulli(jax.random.fold_in(key, tile.number), 1 - scoring.rate, weights.shape)
    return jnp.where(keep, weights / (1 - scoring.rate), 0)


def _product(letters: str, a: jax.Array, b: jax.Array, dtype: jax.typing.DTypeLike) -> jax.Array:
    return jnp.einsum(letters, a, b, preferred_element_type=dtype)


def _cut(array: jax.Array, span: Span) -> jax.Array:
    return lax.dynamic_slice_in_dim(array, span.first, span.count, array.ndim - 2)


def _paste(array: jax.Array, part: jax.Array, span: Span) -> jax.Array:
    return lax.dynamic_update_slice_in_dim(array, part, span.first, array.ndim - 2)


def _add(array: jax.Array, part: jax.Array, span: Span) -> jax.Array:
    return _paste(array, _cut(array, span) + part, span)


def _cut_bias(bias: jax.Array, queries: Span, keys: Span) -> jax.Array:
    return lax.dynamic_slice_in_dim(_cut(bias, queries), keys.first, keys.count, 3)


def _add_to_bias(dbias: jax.Array, dscores: jax.Array, queries: Span, keys: Span) -> jax.Array:
    batch, groups, rest, *tile = dscores.shape
    whole = dscores.reshape(batch, groups * rest, *tile)
    axes = tuple(axis for axis in (0, 1) if dbias.shape[axis] == 1)
    part = _cut_bias(dbias, queries, keys) + jnp.sum(whole, axes, keepdims=True)
    return lax.dynamic_update_slice(dbias, part, (jnp.int32(0), jnp.int32(0), queries.first, keys.first))
