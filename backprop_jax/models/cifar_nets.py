"""The plain and the residual networks with which He et al. show what depth does."""

from collections.abc import Callable
from typing import Literal

from backprop_jax.combinators import chain
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.whole_number import whole_number
from backprop_jax.layers import BatchNorm, Dense, GlobalAvgPool
from backprop_jax.models.padded_identity import PaddedIdentity
from backprop_jax.models.residual_blocks import basic_branch, conv, last_norm, projection, residual_block

__all__ = ["cifar_plain", "cifar_resnet"]

WIDTHS = (16, 32, 64)


def cifar_plain(depth: int = 20, classes: int = 10) -> Chain:
    """`cifar_resnet` without its shortcuts: what it is compared with."""

    def block(width: int, strides: int) -> Chain:
        return basic_branch(width, strides, BatchNorm(relu=True))

    return _three_stages("cifar_plain", depth, classes, block)


def cifar_resnet(
    depth: int = 20,
    classes: int = 10,
    zero_init_residual: bool = False,
    shortcut: Literal["pad", "project"] = "pad",
) -> Chain:
    """The residual network for small images: 3x3 convolutions, three stages of (depth - 2) / 6 blocks of two.

    The stages have 16, 32 and 64 channels, the second and third begin with stride 2; then come the mean over the image
    and a dense layer.

    Shapes:   x (B, H, W, C) float -> logits (B, classes). Made for 32x32; any size does. Grey images are (B, H, W, 1).
    Params:   a dict, "conv1", "bn1", "layer1", "layer2", "layer3", "fc"; 269,722 numbers for depth 20 and 3 channels.
    Units:    `shortcut` is what stands beside a block that halves the image: "pad" takes every other pixel and adds
              channels of zeros (the paper's option A), "project" is a 1x1 convolution and a norm (B). With
              `zero_init_residual` the last scale of each branch starts at zero, and so each block as its shortcut.
    Raises:   ValueError if depth is not 6n + 2, n >= 1, or shortcut is neither of the two.
    Source:   He, Zhang, Ren & Sun, 2016, arXiv:1512.03385, section 4.2; convolutions start from a normal distribution
              of variance 2 / fan_out (arXiv:1502.01852, eq. 14), the dense layer of 1 / fan_in.
    """
    shortcuts = {"pad": PaddedIdentity, "project": projection}
    if shortcut not in shortcuts:
        raise ValueError(f"cifar_resnet needs a shortcut of 'pad' or 'project', not {shortcut!r}")

    def block(width: int, strides: int) -> Chain:
        beside = shortcuts[shortcut](width, strides) if strides > 1 else None
        return residual_block(basic_branch(width, strides, last_norm(zero_init_residual)), beside)

    return _three_stages("cifar_resnet", depth, classes, block)


def _three_stages(name: str, depth: int, classes: int, block: Callable[[int, int], Chain]) -> Chain:
    if whole_number(depth, least=8) is None or depth % 6 != 2:
        below = max(8, int((depth - 2) // 6 * 6 + 2))
        raise ValueError(f"{name} needs a depth of 6n + 2, such as {below} or {below + 6}, not {depth}")
    blocks = (depth - 2) // 6
    stages = {}
    for number, width in enumerate(WIDTHS):
        first = block(width, 2 if number > 0 else 1)
        stages[f"layer{number + 1}"] = chain(first, *[block(width, 1)] * (blocks - 1))
    return chain(conv1=conv(16, 3), bn1=BatchNorm(relu=True), **stages, avgpool=GlobalAvgPool(), fc=Dense(classes))
