import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.layers.rows import sum_of_rows, weight_gradient
from tests.catalogue import normal


@pytest.mark.parametrize("shape", [(2, 3), (6,), ()], ids=str)
@pytest.mark.parametrize("width", [5, 4096])  # the second goes another way
def test_sums_are_over_all_rows(shape: tuple[int, ...], width: int) -> None:
    x, dy = normal(*shape, 4), normal(*shape, width)
    expected = sum(np.outer(row, of) for row, of in zip(x.reshape(-1, 4), dy.reshape(-1, width), strict=True))
    np.testing.assert_allclose(weight_gradient(x, dy), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sum_of_rows(dy), dy.reshape(-1, width).sum(0), rtol=1e-5, atol=1e-5)


def test_of_no_rows_the_sums_are_zero() -> None:
    assert weight_gradient(jnp.zeros((0, 4)), jnp.zeros((0, 5))).tolist() == [[0] * 5] * 4
    assert sum_of_rows(jnp.zeros((0, 5))).tolist() == [0] * 5
