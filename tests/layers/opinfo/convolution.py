"""The samples of convolutions. Each translator has the signature of its function in `torch.nn.functional`."""

import numpy as np

import backprop_jax as bp
from backprop_jax.initializers import zeros
from tests.layers.opinfo.expressed import Expressed, Layout, Tensor, flat, images

__all__ = ["conv", "conv_transpose"]


def conv(input: Tensor, weight: Tensor, bias=None, stride=1, padding=0, dilation=1, groups=1) -> Expressed:
    layer = bp.Conv(
        features=weight.shape[0],
        kernel_size=tuple(weight.shape[2:]),
        strides=stride,
        padding=padding,  # "same" and "valid" mean what they do here: the odd element of same is after
        kernel_dilation=dilation,
        feature_group_count=groups,
        use_bias=bias is not None,
        kernel_init=zeros(),  # which the sample replaces
    )
    return _expressed(layer, input, weight, bias, _features_last)


def conv_transpose(
    input: Tensor, weight: Tensor, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
) -> Expressed:
    layer = bp.ConvTranspose(
        features=weight.shape[1] * groups,
        kernel_size=tuple(weight.shape[2:]),
        strides=stride,
        padding=padding,
        output_padding=output_padding,
        kernel_dilation=dilation,
        feature_group_count=groups,
        use_bias=bias is not None,
        kernel_init=zeros(),  # which the sample replaces
    )
    return _expressed(layer, input, weight, bias, _channels_and_features_last)


def _expressed(layer: bp.Layer, x: Tensor, weight: Tensor, bias: Tensor | None, layout: Layout) -> Expressed:
    params = {"w": (weight, layout)} | ({} if bias is None else {"b": (bias, flat)})
    return Expressed(layer, x, images(weight.ndim - 2), params)


def _features_last(weight: np.ndarray) -> np.ndarray:
    """From (F, C / G, *K) to (*K, C / G, F)."""
    return np.moveaxis(weight, (1, 0), (-2, -1))


def _channels_and_features_last(weight: np.ndarray) -> np.ndarray:
    """From (C, F / G, *K) to (*K, C, F / G)."""
    return np.moveaxis(weight, (0, 1), (-2, -1))
