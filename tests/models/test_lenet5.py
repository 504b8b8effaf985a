from math import prod

import jax
import numpy as np
import pytest

from backprop_jax.models import lenet
from tests.models.gradients import assert_gradient_is_that_of_jax_grad


def test_number_of_parameters() -> None:
    """156 + 2,416 + 48,120 + 10,164 + 850: the usual count, where every feature sees every map."""
    params, _ = jax.eval_shape(lenet().init, jax.random.key(0), jax.ShapeDtypeStruct((1, 28, 28, 1), np.float32))
    counts = [prod(leaf["w"].shape) + prod(leaf["b"].shape) for leaf in params.values() if leaf]
    assert counts == [156, 2416, 48120, 10164, 850]


def test_gradient() -> None:
    x = jax.random.normal(jax.random.key(1), (3, 13, 12, 2))
    assert_gradient_is_that_of_jax_grad(lenet(classes=4), x, classes=4)


def test_smaller_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"MaxPool.* larger than the 1 elements"):
        jax.eval_shape(lenet().init, jax.random.key(0), np.zeros((1, 12, 11, 1), np.float32))
