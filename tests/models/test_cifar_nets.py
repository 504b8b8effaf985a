from math import prod

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.layers import BatchNorm
from backprop_jax.models import cifar_plain, cifar_resnet
from backprop_jax.models.residual_blocks import basic_branch
from tests.models.gradients import assert_gradient_is_that_of_jax_grad

IMAGE = jax.ShapeDtypeStruct((2, 32, 32, 3), np.float32)


def _numbers(depth: int, projected: bool) -> int:
    """Counted by hand: weights of the convolutions, two numbers a feature of each norm, the dense layer."""
    n = (depth - 2) // 6
    numbers = 9 * 3 * 16 + 2 * 16 + 64 * 10 + 10
    for before, width in (16, 16), (16, 32), (32, 64):
        numbers += 9 * width * (before + (2 * n - 1) * width) + 2 * n * 2 * width
        if projected and before != width:
            numbers += before * width + 2 * width
    return numbers


@pytest.mark.parametrize(
    ("model", "numbers", "millions"),
    [
        (cifar_resnet(), _numbers(20, projected=False), 0.27),  # the paper's table 6
        (cifar_plain(), _numbers(20, projected=False), 0.27),
        (cifar_resnet(shortcut="project"), _numbers(20, projected=True), 0.27),
    ],
    ids=["resnet20", "plain20", "resnet20-project"],
)
def test_number_of_parameters(model: bp.Layer, numbers: int, millions: float) -> None:
    params, _ = jax.eval_shape(model.init, jax.random.key(0), IMAGE)
    assert sum(prod(leaf.shape) for leaf in jax.tree.leaves(params)) == numbers
    assert round(numbers / 1e6, 2) == millions


def test_gradient() -> None:
    """Of the residual net alone: the plain one is made of the same layers, one after the other."""
    x = jax.random.normal(jax.random.key(1), (3, 7, 6, 2))
    assert_gradient_is_that_of_jax_grad(cifar_resnet(8, classes=4), x, classes=4)


def test_the_two_differ_by_the_shortcuts_alone() -> None:
    branch = basic_branch(16, 1, BatchNorm())
    plain, residual = (model(14).children for model in (cifar_plain, cifar_resnet))
    assert residual.names == plain.names == ("conv1", "bn1", "layer1", "layer2", "layer3", "avgpool", "fc")
    assert residual.layers[2] == bp.chain(*[bp.chain(skip=bp.skip(branch), relu=bp.ReLU())] * 2)
    assert plain.layers[2] == bp.chain(*[basic_branch(16, 1, BatchNorm(relu=True))] * 2)


@pytest.mark.parametrize(
    ("depth", "near"), [(21, "20 or 26"), (25, "20 or 26"), (2, "8 or 14"), (-4, "8 or 14"), (20.0, "20 or 26")]
)
@pytest.mark.parametrize("model", [cifar_plain, cifar_resnet])
def test_other_depths_are_refused(model, depth: int, near: str) -> None:
    with pytest.raises(ValueError, match=rf"{model.__name__} needs a depth of 6n \+ 2, such as {near}, not {depth}"):
        model(depth)


def test_other_shortcuts_are_refused() -> None:
    with pytest.raises(ValueError, match="a shortcut of 'pad' or 'project', not 'A'"):
        cifar_resnet(shortcut="A")  # type: ignore[arg-type]


def test_equal_models_are_equal_values() -> None:
    assert cifar_resnet() == cifar_resnet()
    assert hash(cifar_resnet()) == hash(cifar_resnet(20))
