"""Attention: tiles that do not divide the steps, keys hidden in every way, groups of heads, no keys, no sequences."""

import numpy as np

import backprop_jax as bp
from tests.catalogue.row import Row, ids, normal


def heads(batch: int, queries: int, keys: int, num_heads: int, groups: int, width: int) -> tuple[np.ndarray, ...]:
    return (
        normal(batch, queries, num_heads, width),
        normal(batch, keys, groups, width),
        normal(batch, keys, groups, width, scale=2.0),
    )


SEGMENTS = np.array([[1, 1, 2, 2, 2, 0], [1, 2, 2, 3, 0, 0]], np.int32)
NO_KEY_FOR_QUERY_1 = np.broadcast_to(np.array([True, False, True])[:, None], (1, 1, 3, 5))
HIDDEN = bp.Visibility(np.array([5, 0, 2], np.int32), mask=NO_KEY_FOR_QUERY_1, bias=normal(1, 2, 3, 5))

everything = bp.DotProductAttention(
    causal=True, window=3, logit_softcap=2.0, alibi=True, scale=0.7, rate=0.3, tile=(2, 3)
)

ATTENTION = [
    # Values wider than keys.
    Row("DotProductAttention", everything, (*heads(2, 5, 5, 4, 2, 2)[:2], normal(2, 5, 2, 3))),
    Row(
        "DotProductAttention",
        bp.DotProductAttention(tile=(2, 2)),
        (*heads(3, 3, 5, 2, 1, 4), HIDDEN),
    ),
    Row("DotProductAttention", bp.DotProductAttention(causal=True), heads(2, 1, 1, 1, 1, 4)),
    Row("DotProductAttention", bp.DotProductAttention(), heads(0, 3, 5, 2, 2, 4)),
    Row("DotProductAttention", bp.DotProductAttention(), heads(2, 3, 0, 2, 1, 4)),
    Row(
        "SelfAttention",
        bp.SelfAttention(4, 1, bp.DotProductAttention(causal=True, rate=0.2), bp.RotaryEmbedding(rotary_dim=2)),
        bp.Packed(normal(2, 6, 6 * 3), SEGMENTS),
    ),
    Row(
        "SelfAttention",
        bp.SelfAttention(2, 1, bp.DotProductAttention(causal=True), bp.RotaryEmbedding(interleaved=True), cache=7),
        normal(2, 3, 4 * 4),
    ),
    Row(
        "CrossAttention",
        bp.CrossAttention(4, 2),
        (normal(2, 3, 8), bp.Padded(normal(2, 5, 8), np.array([0, 4], np.int32))),
    ),
    Row("RotaryEmbedding", bp.RotaryEmbedding(), normal(2, 5, 3, 4)),
    Row(
        "RotaryEmbedding",
        bp.RotaryEmbedding(base=9.0, interleaved=True, rotary_dim=4),
        (normal(2, 3, 2, 5), ids(2, 3, below=7)),
    ),
    Row("PositionEmbedding", bp.PositionEmbedding(7), bp.Packed(normal(2, 6, 3), SEGMENTS)),
    Row("PositionEmbedding", bp.PositionEmbedding(7, carry="state"), normal(2, 5, 3)),
    Row("SinusoidalPositions", bp.SinusoidalPositions(), normal(2, 5, 3)),
]
