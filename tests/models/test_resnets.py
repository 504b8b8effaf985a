from math import prod

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.core.layer import output_like
from backprop_jax.initializers import constant
from backprop_jax.models import resnet18, resnet34, resnet50
from backprop_jax.models.residual_blocks import bottleneck_branch
from backprop_jax.models.resnets import resnet
from tests.models.gradients import assert_gradient_is_that_of_jax_grad

IMAGE = jax.ShapeDtypeStruct((2, 33, 32, 3), np.float32)


@pytest.mark.parametrize(
    ("model", "numbers"),
    [(resnet18(), 11_689_512), (resnet34(), 21_797_672), (resnet50(), 25_557_032)],
    ids=["18", "34", "50"],
)
def test_number_of_parameters_is_torchvisions(model: bp.Layer, numbers: int) -> None:
    params, _ = jax.eval_shape(model.init, jax.random.key(0), IMAGE)
    assert sum(prod(leaf.shape) for leaf in jax.tree.leaves(params)) == numbers


def test_gradient() -> None:
    """The stem and a bottleneck beside a projection; `cifar_resnet` has the blocks of two, strides and identities."""
    x = jax.random.normal(jax.random.key(1), (3, 9, 8, 2))
    assert_gradient_is_that_of_jax_grad(resnet((1,), bottleneck_branch, 4, False), x, classes=4)


def test_sizes_within() -> None:
    """Table 1 of the paper: 56 after the stem and 7 after the stages for an image of 224."""
    image = jax.ShapeDtypeStruct((1, 224, 224, 3), np.float32)
    layers = resnet18().children.layers
    for part, shape in (layers[:3], (1, 56, 56, 64)), (layers[:-2], (1, 7, 7, 512)):
        model = bp.chain(*part)
        params, state = jax.eval_shape(model.init, jax.random.key(0), image)
        assert output_like(model, params, state, image).shape == shape


def test_zero_init_residual_is_in_every_block() -> None:
    def last_norms(model: bp.Layer) -> list[bp.Layer]:
        norms: list[bp.Layer] = []

        def visit(path: str, part: bp.Layer) -> bp.Layer:
            if path.endswith("bn2"):
                norms.append(part)
            return part

        bp.rewrite_with_path(model, visit)
        return norms

    assert last_norms(resnet18(zero_init_residual=True)) == [bp.BatchNorm(scale_init=constant(0.0))] * 8
    assert last_norms(resnet18()) == [bp.BatchNorm()] * 8


def test_images_without_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 spatial axes, channels\), not \[2, 32, 32\]"):
        resnet18().init(jax.random.key(0), np.zeros((2, 32, 32), np.float32))
