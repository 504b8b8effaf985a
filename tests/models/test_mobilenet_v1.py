from math import prod

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.core.layer import output_like
from backprop_jax.models import mobilenet
from backprop_jax.models.mobilenet_v1 import separable
from tests.models.gradients import assert_gradient_is_that_of_jax_grad


@pytest.mark.parametrize(("width", "numbers"), [(1.0, 4_231_976), (0.5, 1_331_592)])
def test_number_of_parameters_is_that_of_keras(width: float, numbers: int) -> None:
    """Keras's MobileNet has 4,253,864 for width 1 and 1,342,536 for 0.5, 21,888 and 10,944 of them statistics."""
    image = jax.ShapeDtypeStruct((1, 65, 64, 3), np.float32)
    params, state = jax.eval_shape(mobilenet(width=width).init, jax.random.key(0), image)
    assert sum(prod(leaf.shape) for leaf in jax.tree.leaves(params)) == numbers
    assert sum(prod(leaf.shape) for leaf in jax.tree.leaves(state)) == round(21_888 * width)


def test_it_reduces_an_image_by_32() -> None:
    image = jax.ShapeDtypeStruct((1, 224, 224, 3), np.float32)
    features = bp.chain(*mobilenet().children.layers[:-2])
    params, state = jax.eval_shape(features.init, jax.random.key(0), image)
    assert output_like(features, params, state, image).shape == (1, 7, 7, 1024)


def test_gradient_of_a_block() -> None:
    model = bp.chain(separable(3, 4, 2), bp.GlobalAvgPool())
    assert_gradient_is_that_of_jax_grad(model, jax.random.normal(jax.random.key(1), (3, 7, 6, 3)), classes=4)


def test_depthwise_weights_start_with_he_variance_of_their_own_nine_inputs() -> None:
    params, _ = separable(1000, 8, 1).init(jax.random.key(0), jax.numpy.zeros((1, 4, 4, 1000)))
    assert abs(np.std(params["depthwise"]["w"]) / np.sqrt(2 / 9) - 1) < 0.03
    assert abs(np.std(params["pointwise"]["w"]) / np.sqrt(2 / 1000) - 1) < 0.03


@pytest.mark.parametrize("width", [0, -1.0, float("nan")])
def test_a_width_that_is_none(width: float) -> None:
    with pytest.raises(ValueError, match="mobilenet needs a positive width, not"):
        mobilenet(width=width)
