from typing import Any

import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.layers.normalization.running import run
from tests.oracles.attention import attention

CrossAttention = bp.CrossAttention


def test_is_the_definition_on_the_parts_of_the_memory() -> None:
    q, memory = normal(2, 3, 4 * 5), normal(2, 7, 4 * 5, scale=2.0)
    k, v = np.split(memory.reshape(2, 7, 4, 5), 2, 2)  # heads of keys first
    expected = attention(q.reshape(2, 3, 4, 5), k, v).reshape(2, 3, 20)
    np.testing.assert_allclose(CrossAttention(4, 2).forward((), (), (q, memory))[0], expected, atol=2e-6)


def test_steps_of_the_memory_that_are_not_real_are_not_seen() -> None:
    q, memory, dy = normal(2, 3, 8), normal(2, 7, 16), normal(2, 3, 8, scale=2.0)
    padded = bp.Padded(memory, np.array([4, 0], np.int32))
    y, _, _, (dq, dmemory) = run(CrossAttention(2), (), (), (q, padded), dy)
    shorter, _, _, alone = run(CrossAttention(2), (), (), (q[:1], memory[:1, :4]), dy[:1])
    for ours, expected in ((y[:1], shorter), (dq[:1], alone[0]), (dmemory.x[:1, :4], alone[1])):
        np.testing.assert_allclose(ours, expected, atol=1e-6)
    for hidden in (y[1], dq[1], dmemory.x[1], dmemory.x[0, 4:]):
        np.testing.assert_array_equal(hidden, 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossAttention(-1), "num_heads of 1 or more, a whole number, not -1"),
        (lambda: CrossAttention(4, 1.0), "num_kv_heads of 1 or more, a whole number, not 1.0"),
        (lambda: CrossAttention(4, 8), "num_heads a multiple of num_kv_heads, not 4, 8"),
    ],
)
def test_hyper_parameters_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


Q, MEMORY = np.zeros((2, 3, 8), np.float32), np.zeros((2, 7, 16), np.float32)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (Q, r"needs a tuple of 2 inputs, not a ndarray\[2, 3, 8\]"),
        ((Q, bp.Packed(MEMORY, np.ones((2, 7), np.int32))), "an array or Padded, not Packed"),
        ((Q[..., :7], MEMORY), r"W a multiple of 2, not \[2, 3, 7\]"),
        ((Q, MEMORY[..., :15]), r"W a multiple of 4, not \[2, 7, 15\]"),
        ((Q, MEMORY[..., :12]), r"not q \[2, 3, 2, 4\], k \[2, 7, 2, 3\], v \[2, 7, 2, 3\]"),
        ((Q, MEMORY[:1]), r"not q \[2, 3, 2, 4\], k \[1, 7, 2, 4\]"),
        ((Q, bp.Padded(MEMORY, np.array([7, 8]))), "lengths of 0 to 7, but that of sequence 1 is 8"),
        ((bp.Padded(Q, np.array([3, 3])), MEMORY), "takes one array, but was given Padded"),
    ],
)
def test_bad_input(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CrossAttention(2).forward((), (), x)
