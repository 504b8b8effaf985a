"""The parts of residual networks. Each convolution is without a bias, for the norm after it has a shift."""

from backprop_jax.combinators import chain, fan_out, skip
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.layer import Layer
from backprop_jax.initializers import constant, variance_scaling
from backprop_jax.layers import BatchNorm, Conv, ReLU, Sum

__all__ = ["basic_branch", "bottleneck_branch", "conv", "last_norm", "projection", "residual_block"]

# He et al., 2015, arXiv:1502.01852, eq. 14: what keeps the variance of the gradient; torchvision's choice too.
HE = variance_scaling(2.0, "fan_out", "normal")


def conv(features: int, size: int, strides: int = 1) -> Conv:
    """A square window of odd size, centred: stride 1 keeps the size of the image."""
    return Conv(features, (size, size), strides, padding=size // 2, use_bias=False, kernel_init=HE)


def basic_branch(width: int, strides: int, last: BatchNorm) -> Chain:
    """Two 3x3 convolutions, the stride in the first: `width` channels out."""
    return chain(conv1=conv(width, 3, strides), bn1=BatchNorm(relu=True), conv2=conv(width, 3), bn2=last)


def bottleneck_branch(width: int, strides: int, last: BatchNorm) -> Chain:
    """1x1, 3x3 and 1x1 convolutions, the stride in the 3x3: `4 width` channels out."""
    return chain(
        conv1=conv(width, 1),
        bn1=BatchNorm(relu=True),
        conv2=conv(width, 3, strides),
        bn2=BatchNorm(relu=True),
        conv3=conv(4 * width, 1),
        bn3=last,
    )


def last_norm(zero_init_residual: bool) -> BatchNorm:
    """The norm at the end of a branch. With a scale of zero the branch adds nothing at first: arXiv:1706.02677."""
    return BatchNorm(scale_init=constant(0.0)) if zero_init_residual else BatchNorm()


def projection(features: int, strides: int) -> Chain:
    """The shortcut where the branch changes the number of channels or the size: a 1x1 convolution."""
    return chain(conv(features, 1, strides), BatchNorm())


def residual_block(branch: Layer, shortcut: Layer | None = None) -> Chain:
    """`relu(shortcut(x) + branch(x))`, the shortcut the identity by default."""
    # What the ReLU saves is its output, which the next convolution saves too.
    both = skip(branch) if shortcut is None else fan_out(branch=branch, shortcut=shortcut, join=Sum())
    return chain(skip=both, relu=ReLU())
