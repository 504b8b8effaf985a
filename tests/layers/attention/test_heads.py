import numpy as np

from backprop_jax.layers.attention.heads import from_heads, key_heads, query_heads
from tests.catalogue import normal


def test_neighbouring_heads_share_a_group() -> None:
    q, k = normal(2, 5, 6, 3), normal(2, 7, 2, 3)
    grouped = query_heads(q, 2)
    assert grouped.shape == (2, 2, 3, 5, 3)
    np.testing.assert_array_equal(grouped[1, 1, 2, 4], q[1, 4, 5])
    np.testing.assert_array_equal(key_heads(k)[1, 1, 6], k[1, 6, 1])


def test_and_back() -> None:
    q, k = normal(2, 5, 6, 3), normal(2, 7, 2, 3)
    np.testing.assert_array_equal(from_heads(query_heads(q, 2)), q)
    np.testing.assert_array_equal(from_heads(key_heads(k)), k)
