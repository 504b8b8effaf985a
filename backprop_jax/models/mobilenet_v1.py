"""MobileNet: convolutions in two steps, over space and over channels."""

from backprop_jax.combinators import chain
from backprop_jax.combinators.chain import Chain
from backprop_jax.initializers import variance_scaling
from backprop_jax.layers import BatchNorm, Conv, Dense, GlobalAvgPool

__all__ = ["mobilenet"]

# Channels out and stride of each block. The paper's table has a stride of 2 in the last too, which its sizes refute.
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))

# By fan_in: the fan_out of a depthwise weight counts every channel, though a number reaches only its own.
HE = variance_scaling(2.0, "fan_in", "normal")


def mobilenet(classes: int = 1000, width: float = 1.0) -> Chain:
    """The first MobileNet: a 3x3 convolution and 13 blocks of a depthwise 3x3 and a 1x1 one, norm and ReLU after each.

    Shapes:   x (B, H, W, C) float -> logits (B, classes). Made for 224x224, which it reduces by 32; any size does. Grey
              images are (B, H, W, 1).
    Params:   a dict, "conv", "norm", "block0", ..., "block12", "readout"; 4,231,976 numbers for width 1, 3 channels and
              1,000 classes.
    Units:    `width` multiplies the number of channels of every layer, rounded.
    Raises:   ValueError if width is not positive.
    Source:   Howard et al., 2017, arXiv:1704.04861, table 1; He et al., 2015, arXiv:1502.01852, eq. 10, for the first
              weights.
    """
    if not width > 0:
        raise ValueError(f"mobilenet needs a positive width, not {width}")

    def scaled(features: int) -> int:
        return max(1, round(width * features))

    channels = scaled(32)
    blocks = {}
    for number, (features, strides) in enumerate(BLOCKS):
        blocks[f"block{number}"] = separable(channels, scaled(features), strides)
        channels = scaled(features)
    return chain(
        conv=Conv(scaled(32), (3, 3), 2, use_bias=False, kernel_init=HE),
        norm=BatchNorm(relu=True),
        **blocks,
        avgpool=GlobalAvgPool(),
        readout=Dense(classes),
    )


def separable(channels: int, features: int, strides: int) -> Chain:
    return chain(
        depthwise=Conv(channels, (3, 3), strides, feature_group_count=channels, use_bias=False, kernel_init=HE),
        norm1=BatchNorm(relu=True),
        pointwise=Conv(features, (1, 1), use_bias=False, kernel_init=HE),
        norm2=BatchNorm(relu=True),
    )
