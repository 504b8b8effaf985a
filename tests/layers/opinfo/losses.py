"""The samples of losses. Each translator has the signature of its function in `torch.nn.functional`."""

import numpy as np

import backprop_jax as bp
from tests.layers.opinfo.expressed import Expressed, Tensor

__all__ = ["NEGATIVE_WEIGHT", "PROBABILITIES", "SEVERAL", "cross_entropy", "linear_cross_entropy"]

NEGATIVE_WEIGHT = "a class of negative weight: refused"
PROBABILITIES = "probabilities as the target: ours are class numbers"
SEVERAL = "several rows of logits of each input: ours has one"


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Expressed | str:
    weights = None if weight is None else tuple(weight.tolist())
    if weights and min(weights) < 0:
        return NEGATIVE_WEIGHT
    layer = bp.losses.CrossEntropy(label_smoothing, weights, ignore_index, reduction=reduction)
    return Expressed(layer, (input, target.detach()), _classes_last)  # the target is a constant to ours


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Expressed | str:
    if target.is_floating_point():
        return PROBABILITIES
    if linear_weight.ndim > 2:
        return SEVERAL
    layer = bp.losses.LinearCrossEntropy(
        len(linear_weight), linear_bias is not None, ignore_index=ignore_index, reduction=reduction
    )
    params = {"table": (linear_weight, _as_it_is)} | ({} if linear_bias is None else {"b": (linear_bias, _as_it_is)})
    # The weight of a class is that of its labels.
    return Expressed(layer, (input, target, *(() if weight is None else (weight[target],))), _as_it_is, params)


def _as_it_is(array: np.ndarray) -> np.ndarray:
    return array


def _classes_last(array: np.ndarray) -> np.ndarray:
    """Of logits and probabilities (B, V, *N); class numbers, and a loss, have no such axis."""
    return array if array.ndim < 2 or np.issubdtype(array.dtype, np.integer) else np.moveaxis(array, 1, -1)
