"""The samples of pooling. Each translator has the signature of its function in `torch.nn.functional`, after the axes.

`return_indices` asks for the places of the maxima as a second output, which our layers do not have: value and gradient
are compared. A pool has no parameters.
"""

import backprop_jax as bp
from tests.layers.opinfo.expressed import Expressed, Tensor, images

__all__ = ["DIVISOR", "adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool"]

DIVISOR = "divisor_override divides by another number than that of the elements: a mean no more"


def max_pool(
    axes: int,
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Expressed:
    window, padding = _for_each(axes, kernel_size), _for_each(axes, padding)
    layer = bp.MaxPool(window, stride or None, padding, window_dilation=dilation, ceil_mode=ceil_mode)
    return Expressed(layer, input, images(axes))


def avg_pool(
    axes: int,
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Expressed | str:
    if divisor_override is not None:
        return DIVISOR
    window, padding = _for_each(axes, kernel_size), _for_each(axes, padding)
    return Expressed(bp.AvgPool(window, stride or None, padding, count_include_pad, ceil_mode), input, images(axes))


def adaptive_avg_pool(axes: int, input: Tensor, output_size) -> Expressed:
    return Expressed(bp.AdaptiveAvgPool(_for_each(axes, output_size)), input, images(axes))


def adaptive_max_pool(axes: int, input: Tensor, output_size, return_indices: bool = False) -> Expressed:
    return Expressed(bp.AdaptiveMaxPool(_for_each(axes, output_size)), input, images(axes))


def _for_each(axes: int, value) -> tuple:
    """One number for all axes, which PyTorch also gives as a tuple of one, for each."""
    return (value,) * axes if isinstance(value, int) else tuple(value) * (axes if len(value) == 1 else 1)
