"""Every pool with windows or bins against PyTorch 2.13's numbers for whole inputs: equal, not close."""

import math

import jax
import numpy as np
import pytest

import backprop_jax as bp

# The pool, the spatial axes of x, y and dx, for one channel of x[i] = 36 (5 i² mod 11) and dy[o] = 36 (o + 1).
# fmt: off
CASES: list[tuple[bp.Layer, tuple[int, ...], list[int], list[int]]] = [
    (bp.MaxPool((3, 3), 2, 1), (5, 4),
     [180, 324, 324, 324, 324, 324],
     [0, 36, 72, 0, 0, 0, 0, 0, 0, 252, 0, 0, 0, 396, 0, 0, 0, 0, 0, 0]),
    (bp.MaxPool((2, 3), (2, 1), (1, 0), ceil_mode=True), (4, 5),
     [324, 324, 324, 180, 324, 324, 144, 144, 144],
     [0, 0, 216, 0, 0, 0, 0, 0, 0, 216, 144, 0, 0, 180, 0, 0, 540, 324, 0, 0]),
    (bp.MaxPool((3,), 2, 1, window_dilation=2, ceil_mode=True), (10,),
     [180, 180, 144, 324, 324],
     [0, 108, 0, 0, 0, 108, 0, 0, 0, 324]),
    (bp.MaxPool((2, 2, 1), (1, 2, 1)), (3, 4, 2),
     [324, 324, 180, 324, 180, 324, 324, 324],
     [0, 0, 36, 0, 0, 0, 0, 0, 0, 288, 180, 0, 108, 432, 0, 0, 0, 0, 0, 0, 252, 0, 0, 0]),
    (bp.AvgPool((3, 3), 2, 1), (5, 4),
     [48, 104, 124, 152, 88, 84],
     [4, 12, 8, 8, 16, 40, 24, 24, 12, 28, 16, 16, 32, 72, 40, 40, 20, 44, 24, 24]),
    (bp.AvgPool((3, 3), 2, 1, ceil_mode=True), (5, 4),
     [48, 104, 24, 124, 152, 36, 88, 84, 24],
     [4, 12, 8, 26, 20, 48, 28, 82, 16, 36, 20, 56, 44, 96, 52, 142, 28, 60, 32, 86]),
    (bp.AvgPool((3, 2), 2, (1, 0), count_include_pad=False, ceil_mode=True), (4, 5),
     [117, 126, 216, 120, 150, 132, 126, 126, 36],
     [9, 9, 18, 18, 54, 33, 33, 48, 48, 126, 24, 24, 30, 30, 72, 150, 150, 174, 174, 396]),
    (bp.AvgPool((2, 2, 1), (1, 2, 1)), (3, 4, 2),
     [135, 135, 117, 171, 117, 126, 135, 198],
     [9, 18, 9, 18, 27, 36, 27, 36, 54, 72, 54, 72, 90, 108, 90, 108, 45, 54, 45, 54, 63, 72, 63, 72]),
    (bp.AdaptiveAvgPool((2, 3)), (5, 4),
     [132, 216, 132, 192, 186, 78],
     [6, 18, 30, 18, 6, 18, 30, 18, 30, 72, 96, 54, 24, 54, 66, 36, 24, 54, 66, 36]),
    (bp.AdaptiveAvgPool((5,)), (3,),
     [0, 90, 180, 252, 324],
     [72, 216, 252]),
    (bp.AdaptiveMaxPool((3, 3)), (5, 4),
     [180, 324, 324, 324, 324, 180, 324, 324, 108],
     [0, 36, 180, 0, 0, 0, 0, 0, 0, 324, 216, 0, 0, 540, 0, 324, 0, 0, 0, 0]),
    (bp.AdaptiveMaxPool((5,)), (3,),
     [0, 180, 180, 324, 324],
     [36, 180, 324]),
]
# fmt: on


@pytest.mark.parametrize(("pool", "spatial", "y", "dx"), CASES, ids=lambda value: repr(value)[:60])
def test_value_and_gradient(pool: bp.Layer, spatial: tuple[int, ...], y: list[int], dx: list[int]) -> None:
    number = np.arange(math.prod(spatial))
    x = (36.0 * (5 * number**2 % 11)).astype(np.float32).reshape(1, *spatial, 1)

    def both(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        value, _, residuals = pool.forward((), (), x)
        dy = 36 * (1 + jax.numpy.arange(value.size, dtype=value.dtype)).reshape(value.shape)
        return value, pool.backward((), residuals, dy)[1]

    value, gradient = jax.jit(both)(x)
    assert np.ravel(value).tolist() == y
    np.testing.assert_allclose(np.ravel(gradient), dx, rtol=1e-6)
