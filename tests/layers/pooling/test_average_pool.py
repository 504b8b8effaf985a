import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.layers.pooling.test_max_pool import value_and_gradient
from tests.oracles import pooling as oracle


@pytest.mark.parametrize("count_include_pad", [True, False])
def test_is_the_slow_twin(count_include_pad: bool) -> None:
    x, dy = normal(2, 7, 6, 2), normal(2, 4, 7, 2)
    pool = bp.AvgPool((3, 2), (2, 1), ((1, 1), (1, 1)), count_include_pad)
    y, dx = value_and_gradient(pool, x, dy)
    windows = oracle.slid((4, 7), (3, 2), (2, 1), (1, 1), (1, 1))
    expected_y, expected_dx = oracle.mean(x.astype(np.float64), windows, dy, count_include_pad)
    np.testing.assert_allclose(y, expected_y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-5, atol=1e-6)


def test_saves_nothing() -> None:
    assert bp.residual_bytes(bp.AvgPool((3, 3), 2, 1), normal(2, 5, 5, 3)) == 0


def test_sums_bfloat16_in_float32() -> None:
    """In bfloat16 256 + 1 is 256, so a sum in it would stay there."""
    x = jnp.array([256.0] + [1.0] * 255, jnp.bfloat16).reshape(1, 256, 1)
    y, _, _ = jax.jit(lambda x: bp.AvgPool((256,)).forward((), (), x))(x)
    assert y.dtype == jnp.bfloat16 and y.item() == jnp.bfloat16(511 / 256)


def test_what_ceil_mode_adds_is_not_counted() -> None:
    y, _, _ = bp.AvgPool((2,), ceil_mode=True).forward((), (), jnp.array([1.0, 3.0, 5.0]).reshape(1, 3, 1))
    assert y.ravel().tolist() == [2.0, 5.0]


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"floating point input, not int32\[1, 4, 1\]"):
        bp.AvgPool((2,)).forward((), (), jnp.asarray(ids(1, 4, 1, below=3)))
