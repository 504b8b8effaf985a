import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal


def test_transpose_goes_back_through_the_inverse_permutation() -> None:
    layer, x = bp.Transpose((2, 0, 1)), normal(3, 2, 5)
    y, _, residuals = layer.forward((), (), x)
    np.testing.assert_array_equal(y, np.moveaxis(x, 2, 0))
    np.testing.assert_array_equal(layer.backward((), residuals, y)[1], x)


@pytest.mark.parametrize("layer", [bp.Flatten(), bp.Reshape((5, 2)), bp.Transpose((1, 2, 0))], ids=repr)
def test_nothing_is_saved(layer: bp.Layer) -> None:
    assert bp.residual_bytes(layer, normal(3, 2, 5)) == 0


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (bp.Flatten(), jnp.ones(()), "batch axis, not a scalar"),
        (bp.Reshape((4,)), normal(3, 5), r"cannot take an input of shape \[3, 5\]"),
        (bp.Transpose((1, 0)), normal(3), r"needs an input of 2 axes, not of shape \[3\]"),
    ],
    ids=repr,
)
def test_bad_input(layer: bp.Layer, x, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.forward((), (), x)
    with pytest.raises(ValueError, match=r"each axis from 0 on once, not \(1, 1\)"):
        bp.Transpose((1, 1))
