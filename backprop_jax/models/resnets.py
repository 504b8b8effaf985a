"""Residual networks for photographs."""

from collections.abc import Callable, Sequence

from backprop_jax.combinators import chain
from backprop_jax.combinators.chain import Chain
from backprop_jax.layers import BatchNorm, Dense, GlobalAvgPool, MaxPool
from backprop_jax.models.residual_blocks import (
    basic_branch,
    bottleneck_branch,
    conv,
    last_norm,
    projection,
    residual_block,
)

__all__ = ["resnet18", "resnet34", "resnet50"]


def resnet18(classes: int = 1000, zero_init_residual: bool = False) -> Chain:
    """The residual network of 18 layers, in torchvision's form and under its names.

    A 7x7 convolution and a max-pool, each of stride 2, four stages of two blocks of 64, 128, 256 and 512 channels, the
    mean over the image, and a dense layer.

    Shapes:   x (B, H, W, C) float -> logits (B, classes). Made for 224x224; any size does. Grey images
              are (B, H, W, 1).
    Params:   a dict, "conv1", "bn1", "layer1", ..., "layer4", "fc" and empty ones; 11,689,512 numbers for 3 channels
              and 1,000 classes.
    Units:    with `zero_init_residual` the last scale of each branch starts at zero, and so each block as its shortcut.
    Source:   He, Zhang, Ren & Sun, 2016, arXiv:1512.03385, table 1; convolutions start from a normal distribution of
              variance 2 / fan_out (arXiv:1502.01852, eq. 14), the dense layer of 1 / fan_in.
    """
    return resnet((2, 2, 2, 2), basic_branch, classes, zero_init_residual)


def resnet34(classes: int = 1000, zero_init_residual: bool = False) -> Chain:
    """`resnet18` with 3, 4, 6 and 3 blocks: 34 layers, 21,797,672 numbers."""
    return resnet((3, 4, 6, 3), basic_branch, classes, zero_init_residual)


def resnet50(classes: int = 1000, zero_init_residual: bool = False) -> Chain:
    """`resnet34` with blocks of three convolutions, to 256, ..., 2,048 channels: 50 layers, 25,557,032 numbers.

    The stride is in the 3x3 convolution, as in torchvision ("V1.5"); in the paper it is in the 1x1 before it.
    """
    return resnet((3, 4, 6, 3), bottleneck_branch, classes, zero_init_residual)


def resnet(blocks: Sequence[int], branch: Callable[..., Chain], classes: int, zero_init_residual: bool) -> Chain:
    """The network with this many blocks in each stage, all with this branch."""
    stages, channels = {}, 64
    for number, count in enumerate(blocks):
        width = 64 * 2**number
        features = 4 * width if branch is bottleneck_branch else width
        stage = []
        for index in range(count):
            strides = 2 if number > 0 and index == 0 else 1
            shortcut = None if (channels, strides) == (features, 1) else projection(features, strides)
            stage.append(residual_block(branch(width, strides, last_norm(zero_init_residual)), shortcut))
            channels = features
        stages[f"layer{number + 1}"] = chain(*stage)
    return chain(
        conv1=conv(64, 7, 2),
        bn1=BatchNorm(relu=True),
        maxpool=MaxPool((3, 3), 2, padding=1),
        **stages,
        avgpool=GlobalAvgPool(),
        fc=Dense(classes),
    )
