import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.layers.pooling.maximum import first_maximum, index_dtype


@pytest.mark.parametrize(
    ("count", "dtype"),
    [(1, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")],
)
def test_index_dtype(count: int, dtype: str) -> None:
    assert index_dtype(count) == np.dtype(dtype)


def test_first_maximum_is_that_of_numpy() -> None:
    nan, inf = np.nan, np.inf
    table = np.array([[1, 1, 0], [0, 2, 2], [-inf, -inf, -inf], [nan, 9, nan], [0, nan, inf], [-0.0, 0.0, -0.0]])
    best, number = first_maximum(list(jnp.asarray(table.T)), list(jnp.arange(3)[:, None] * jnp.ones(6, jnp.uint8)))
    np.testing.assert_array_equal(number, np.argmax(table, 1))
    np.testing.assert_array_equal(best, np.max(table, 1))
