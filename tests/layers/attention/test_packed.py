import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models.transformer_blocks import attention_part, feed_forward_part, pre_norm_block
from tests.catalogue import normal
from tests.layers.normalization.running import run

SEGMENTS = np.array([[1, 1, 2, 2, 2, 0], [1, 2, 2, 3, 0, 0]], np.int32)
LAYERS = [
    bp.SelfAttention(4, 2, bp.DotProductAttention(causal=True, tile=(4, 2)), bp.RotaryEmbedding()),
    bp.SelfAttention(2, attention=bp.DotProductAttention(alibi=True)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_each_segment_is_as_if_it_were_alone(layer: bp.SelfAttention) -> None:
    slots = layer.num_heads + 2 * layer.groups
    x, dy = normal(2, 6, slots * 4), normal(2, 6, layer.num_heads * 4)
    y, _, _, dx = run(layer, (), (), bp.Packed(x, SEGMENTS), bp.Packed(jnp.asarray(dy), None))
    assert dx.segments is None
    np.testing.assert_array_equal(y.segments, SEGMENTS)
    for row in range(2):
        for segment in range(1, SEGMENTS[row].max() + 1):
            own = slice(*np.flatnonzero(SEGMENTS[row] == segment)[[0, -1]] + [0, 1])
            alone, _, _, dalone = run(layer, (), (), x[row : row + 1, own], dy[row : row + 1, own])
            np.testing.assert_allclose(y.x[row, own], alone[0], atol=2e-6)
            np.testing.assert_allclose(dx.x[row, own], dalone[0], atol=5e-6)
    np.testing.assert_array_equal(y.x[SEGMENTS == 0], 0)
    np.testing.assert_array_equal(dx.x[SEGMENTS == 0], 0)


def test_blocks_of_pointwise_parts_and_attention_keep_the_segments_apart() -> None:
    """A step of one segment has no gradient by the output of another."""
    part = attention_part(8, 2, attention=bp.DotProductAttention(causal=True), norm=bp.LayerNorm())
    block = bp.chain(bp.PositionEmbedding(6), pre_norm_block(part, feed_forward_part(8, 8, norm=bp.LayerNorm())))
    x = bp.Packed(normal(2, 6, 8), SEGMENTS)
    params, state = jax.tree.map(lambda leaf: normal(*leaf.shape), jax.eval_shape(block.init, jax.random.key(0), x))
    dy = np.zeros((2, 6, 8), np.float32)
    dy[0, 2:5] = 1
    _, _, _, dx = run(block, params, state, x, bp.Packed(jnp.asarray(dy), None))
    moved = np.abs(np.asarray(dx.x)).max(-1) > 0
    np.testing.assert_array_equal(moved, [[False, False, True, True, True, False], [False] * 6])
