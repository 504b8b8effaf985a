"""The samples of normalizations. Each translator has the signature of its function in `torch.nn.functional`.

A weight or bias of None is a scale of ones or a shift of zeros here, whose gradient has nothing to be compared with.
"""

import numpy as np

import backprop_jax as bp
from tests.layers.opinfo.expressed import Expressed, Layout, Tensor, flat, images

__all__ = ["MOMENTUM", "NEGATIVE", "NO_CHANNELS", "batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]

MOMENTUM = "a momentum outside [0, 1] makes running statistics that are no mean: refused"
NEGATIVE = "a negative eps: refused"
NO_CHANNELS = "an input of one axis has no axis of channels beside the batch: refused"


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Expressed | str:
    if input.ndim < 2:
        return NO_CHANNELS
    if training and not 0 <= momentum <= 1:  # in eval mode it is not used
        return MOMENTUM
    layer = bp.BatchNorm(momentum=1 - momentum if training else 0.9, eps=eps, train=training)
    running = {} if running_mean is None else {"mean": running_mean, "var": running_var}
    return Expressed(layer, input, images(input.ndim - 2), _params(weight, bias), running)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Expressed | str:
    if eps < 0:
        return NEGATIVE
    return Expressed(bp.GroupNorm(num_groups, eps), input, images(input.ndim - 2), _params(weight, bias))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Expressed | str:
    # With use_input_stats the running statistics are kept for another time: neither value nor gradient needs them.
    assert use_input_stats
    return Expressed(bp.InstanceNorm(eps), input, images(input.ndim - 2), _params(weight, bias))


def layer_norm(
    input: Tensor, normalized_shape, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Expressed | str:
    if eps < 0:
        return NEGATIVE
    return Expressed(bp.LayerNorm(eps), input, _one_last_axis(input, normalized_shape), _params(weight, bias))


def rms_norm(
    input: Tensor, normalized_shape, weight: Tensor | None = None, eps: float | None = None
) -> Expressed | str:
    if eps is not None and eps < 0:
        return NEGATIVE
    # PyTorch's None is the distance from 1 to the next number of the dtype.
    layer = bp.RMSNorm(float(np.finfo(np.float64).eps) if eps is None else eps)
    return Expressed(layer, input, _one_last_axis(input, normalized_shape), _params(weight, None))


def _one_last_axis(input: Tensor, normalized_shape) -> Layout:
    """The normalized axes as one."""
    width = int(np.prod(normalized_shape))
    rest = input.shape[: input.ndim - len(normalized_shape)]
    return lambda array: array.reshape(*rest, width)


def _params(weight: Tensor | None, bias: Tensor | None) -> dict[str, tuple[Tensor, Layout]]:
    return {name: (part, flat) for name, part in (("scale", weight), ("shift", bias)) if part is not None}
