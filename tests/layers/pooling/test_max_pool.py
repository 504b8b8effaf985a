from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.oracles import pooling as oracle


def value_and_gradient(pool: bp.Layer, x: np.ndarray, dy: np.ndarray) -> tuple[jax.Array, jax.Array]:
    def both(x: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, _, residuals = pool.forward((), (), x)
        return y, pool.backward((), residuals, dy)[1]

    return jax.jit(both)(x, dy)


def test_by_hand() -> None:
    x = jnp.array([1.0, 3.0, 2.0, 2.0, 5.0]).reshape(1, 5, 1)
    y, state, residuals = bp.MaxPool((2,)).forward((), (), x)
    dparams, dx = bp.MaxPool((2,)).backward((), residuals, jnp.array([[[10.0], [20.0]]]))
    assert y.ravel().tolist() == [3.0, 2.0] and (state, dparams) == ((), ())
    assert dx.ravel().tolist() == [0.0, 10.0, 20.0, 0.0, 0.0]


def test_is_the_slow_twin_with_dilated_overlapping_windows() -> None:
    """jax.grad has no rule for a dilated `lax.reduce_window`."""
    x, dy = ids(2, 9, 8, 2, below=4).astype(np.float32), ids(2, 4, 7, 2, below=9).astype(np.float32)
    pool = bp.MaxPool((3, 2), strides=(2, 1), padding=((1, 1), (0, 1)), window_dilation=(2, 2))
    y, dx = value_and_gradient(pool, x, dy)
    windows = oracle.slid((4, 7), (3, 2), (2, 1), (1, 0), (2, 2))
    expected_y, expected_dx = oracle.largest(x, windows, dy)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(dx, expected_dx)


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (2, 3, 1)])
def test_ties_are_those_of_jax_grad_of_reduce_window(size: int, stride: int, padding: int) -> None:
    x = ids(2, 7, 6, 3, below=3).astype(np.float32)
    around = ((0, 0), (padding, padding), (padding, padding), (0, 0))

    def reduced(x: jax.Array) -> jax.Array:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), around)

    y, pullback = jax.vjp(reduced, x)
    dy = ids(*y.shape, below=9).astype(np.float32)
    ours = value_and_gradient(bp.MaxPool((size, size), stride, padding), x, dy)
    np.testing.assert_array_equal(ours[0], y)
    np.testing.assert_array_equal(ours[1], pullback(jnp.asarray(dy))[0])


def test_nan_is_the_largest_and_gets_the_gradient() -> None:
    x = jnp.array([1.0, jnp.nan, 2.0, jnp.nan, 4.0, 3.0]).reshape(1, 6, 1)
    y, _, residuals = bp.MaxPool((3,)).forward((), (), x)
    _, dx = bp.MaxPool((3,)).backward((), residuals, jnp.ones((1, 2, 1)))
    assert np.isnan(y).all()
    assert dx.ravel().tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]


def test_padding_is_never_the_largest() -> None:
    y, _, _ = bp.MaxPool((3, 3), strides=2, padding="SAME").forward((), (), jnp.full((1, 4, 4, 1), -1e30))
    assert y.shape == (1, 2, 2, 1) and (y == -1e30).all()


@pytest.mark.parametrize(
    ("size", "dtype"), [((2, 2), "uint8"), ((16, 16), "uint8"), ((257,), "uint16"), ((2, 2, 2), "uint8")]
)
def test_saves_only_the_smallest_integer_that_counts_the_taps(size: tuple[int, ...], dtype: str) -> None:
    x = jax.ShapeDtypeStruct((2, *(2 * length for length in size), 3), jnp.float32)
    y, _, residuals = jax.eval_shape(bp.MaxPool(size).forward, (), (), x)
    assert [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(residuals)] == [(y.shape, jnp.dtype(dtype))]


def test_the_last_of_256_taps_can_win() -> None:
    x = np.zeros((1, 256, 2), np.float32)
    x[0, 255, 0], x[0, 254, 1] = 1, 1
    _, dx = value_and_gradient(bp.MaxPool((256,)), x, np.full((1, 1, 2), 7, np.float32))
    np.testing.assert_array_equal(dx, 7 * x)


def test_windows_of_one_tap_save_nothing() -> None:
    assert bp.residual_bytes(bp.MaxPool((1, 1), strides=2), normal(2, 5, 5, 3)) == 0


def test_equal_arguments_make_equal_layers() -> None:
    as_list: Any = [2, 2]
    assert bp.MaxPool(as_list, strides=2, padding=1) == bp.MaxPool((2, 2), (2, 2), ((1, 1), (1, 1)))
    assert repr(bp.MaxPool((2, 2))) == "MaxPool(window_shape=(2, 2))"


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="window_dilation of 2 whole numbers, 1 or more"):
        bp.MaxPool((2, 2), window_dilation=0)
    with pytest.raises(ValueError, match=r"floating point input, not int32\[1, 4, 1\]"):
        bp.MaxPool((2,)).forward((), (), jnp.asarray(ids(1, 4, 1, below=3)))
