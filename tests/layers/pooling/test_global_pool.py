import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.layers.pooling.test_max_pool import value_and_gradient

POOLS = [bp.GlobalAvgPool(), bp.GlobalMaxPool()]


def test_mean_and_its_gradient() -> None:
    x, dy = normal(2, 3, 4, 5), normal(2, 5)
    y, dx = value_and_gradient(bp.GlobalAvgPool(), x, dy)
    np.testing.assert_allclose(y, np.mean(x.astype(np.float64), (1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, np.broadcast_to(dy[:, None, None] / 12, x.shape), rtol=1e-6)


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    x = ids(2, 3, 4, 5, below=3).astype(np.float32)
    dy = normal(2, 5)
    y, dx = value_and_gradient(bp.GlobalMaxPool(), x, dy)
    np.testing.assert_array_equal(y, x.max((1, 2)))
    expected = np.zeros_like(x)
    for b, c in np.ndindex(2, 5):
        i, j = np.unravel_index(np.argmax(x[b, :, :, c]), (3, 4))
        expected[b, i, j, c] = dy[b, c]
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize(("side", "dtype"), [(16, "uint8"), (17, "uint16")])
def test_saved(side: int, dtype: str) -> None:
    x = jax.ShapeDtypeStruct((2, side, side, 3), jnp.float32)
    residuals = jax.eval_shape(bp.GlobalMaxPool().forward, (), (), x)[2]
    assert [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(residuals)] == [((2, 3), jnp.dtype(dtype))]
    assert bp.residual_bytes(bp.GlobalAvgPool(), x) == 0


def test_the_mean_of_bfloat16_is_summed_in_float32() -> None:
    x = jnp.array([256.0] + [1.0] * 255, jnp.bfloat16).reshape(1, 16, 16, 1)
    y, _, _ = bp.GlobalAvgPool().forward((), (), x)
    assert y.dtype == jnp.bfloat16 and y.item() == jnp.bfloat16(511 / 256)


def test_nan_is_the_largest() -> None:
    y, _, _ = bp.GlobalMaxPool().forward((), (), jnp.array([1.0, jnp.nan, 2.0]).reshape(1, 3, 1))
    assert np.isnan(y).all()


@pytest.mark.parametrize("pool", POOLS, ids=repr)
@pytest.mark.parametrize("shape", [(4, 3), (2, 0, 3), (2, 4, 0, 3)])
def test_bad_input(pool: bp.Layer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"needs an input of shape \(batch, \*spatial axes, channels\)"):
        pool.forward((), (), jnp.zeros(shape))
