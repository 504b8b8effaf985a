from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.layers.pooling.test_max_pool import value_and_gradient
from tests.oracles import pooling as oracle

POOLS = [bp.AdaptiveAvgPool, bp.AdaptiveMaxPool]


@pytest.mark.parametrize("sizes", [(3, 2), (5, 7), (1, 3)])
def test_is_the_slow_twin(sizes: tuple[int, int]) -> None:
    x, tied, dy = normal(2, 7, 5, 2), ids(2, 7, 5, 2, below=3).astype(np.float32), normal(2, *sizes, 2)
    y, dx = value_and_gradient(bp.AdaptiveAvgPool(sizes), x, dy)
    expected_y, expected_dx = oracle.mean(x.astype(np.float64), oracle.binned((7, 5), sizes), dy)
    np.testing.assert_allclose(y, expected_y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-5, atol=1e-6)
    y, dx = value_and_gradient(bp.AdaptiveMaxPool(sizes), tied, dy)
    expected_y, expected_dx = oracle.largest(tied, oracle.binned((7, 5), sizes), dy)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-5, atol=1e-6)


def test_none_keeps_the_axis() -> None:
    x = jnp.asarray(normal(2, 5, 4, 3))
    y, _, _ = bp.AdaptiveMaxPool((None, 1)).forward((), (), x)
    np.testing.assert_array_equal(y, x.max(2, keepdims=True))


def test_saved() -> None:
    assert bp.residual_bytes(bp.AdaptiveAvgPool((3, 2)), normal(2, 7, 5, 3)) == 0
    assert bp.residual_bytes(bp.AdaptiveMaxPool((3, 2)), normal(2, 7, 5, 3)) == 2 * 3 * 2 * 3


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("size", [3, (), (0, 2), (2.0, 2), None])
def test_bad_output_size(pool: Any, size: Any) -> None:
    with pytest.raises(ValueError, match=f"{pool.__name__} needs an output_size of 1 or more for each spatial axis"):
        pool(size)


@pytest.mark.parametrize("pool", POOLS)
def test_bad_input(pool: Any) -> None:
    with pytest.raises(ValueError, match=r"\(batch, 1 spatial axes, channels\), not \[1, 4, 4, 3\]"):
        pool((2,)).forward((), (), jnp.zeros((1, 4, 4, 3)))
    with pytest.raises(ValueError, match=r"one element or more, not an input of shape \[1, 0, 3\]"):
        pool((2,)).forward((), (), jnp.zeros((1, 0, 3)))
