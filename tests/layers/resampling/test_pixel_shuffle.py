from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles import resampling as oracle


def test_the_order_of_channels_is_that_of_pytorch() -> None:
    x = jnp.arange(16.0).reshape(8, 1, 2).transpose(1, 2, 0)[None]
    y, _, _ = bp.PixelShuffle(2).forward((), (), x)
    # torch 2.13: F.pixel_shuffle(torch.arange(16.0).reshape(1, 8, 1, 2), 2)
    expected = [[[0, 2, 1, 3], [4, 6, 5, 7]], [[8, 10, 9, 11], [12, 14, 13, 15]]]
    np.testing.assert_array_equal(jnp.moveaxis(y[0], -1, 0), expected)


@pytest.mark.parametrize(
    ("shape", "factor"), [((2, 3, 9), 3), ((2, 3, 1, 8), 2), ((1, 2, 1, 3, 16), 2), ((2, 3, 4, 5), 1)]
)
def test_each_undoes_the_other_and_is_its_adjoint(shape: tuple[int, ...], factor: int) -> None:
    x = normal(*shape)
    shuffle, unshuffle = bp.PixelShuffle(factor), bp.PixelUnshuffle(factor)
    y, _, residuals = shuffle.forward((), (), jnp.asarray(x))
    np.testing.assert_array_equal(y, oracle.pixel_shuffle(x, factor))
    back, _, back_residuals = unshuffle.forward((), (), y)
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(shuffle.backward((), residuals, y)[1], x)
    np.testing.assert_array_equal(unshuffle.backward((), back_residuals, back)[1], y)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (bp.PixelShuffle(2), (1, 2, 2, 6), r"4 channels of an input into one, and the 6 of \[1, 2, 2, 6\]"),
        (bp.PixelUnshuffle(2), (1, 2, 3, 6), r"multiples of 2, not those of \[1, 2, 3, 6\]: pad or crop"),
        (bp.PixelShuffle(2), (1, 4), "1 spatial axes"),
        (bp.PixelUnshuffle(2), (1, 4), "1 spatial axes"),
    ],
    ids=str,
)
def test_bad_input(layer: bp.Layer, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.forward((), (), jnp.zeros(shape))


@pytest.mark.parametrize("layer", [bp.PixelShuffle, bp.PixelUnshuffle])
@pytest.mark.parametrize("factor", [0, [2], (2, 2), 2.0, True])
def test_bad_factor(layer: Any, factor: Any) -> None:
    with pytest.raises(ValueError, match=rf"{layer.__name__} needs \w+scale_factor of one whole number, .* not"):
        layer(factor)
