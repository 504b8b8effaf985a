"""Errors that name the loss, the value and the fix, raised while tracing and so before any computation."""

import math
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.losses.reduction import REDUCTIONS

__all__ = [
    "require_label_smoothing",
    "require_pair",
    "require_reduction",
    "require_same_shape",
    "require_terms",
    "require_weights",
]


def require_reduction(loss: Layer, reduction: str) -> None:
    """ValueError unless the reduction is a known one."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{type(loss).__name__} needs a reduction of 'mean', 'sum' or 'none', not {reduction!r}")


def require_label_smoothing(loss: Layer, share: float) -> None:
    """ValueError unless smoothing leaves a share of the label."""
    if not isinstance(share, Real) or not 0 <= share < 1:
        raise ValueError(f"{type(loss).__name__} needs a label_smoothing of 0 or more and less than 1, not {share!r}")


def require_weights(loss: Layer, name: str, weights: Any) -> None:
    """TypeError unless the weights are a tuple, ValueError if one is negative or not finite."""
    loss_name = type(loss).__name__
    if not isinstance(weights, tuple):
        raise TypeError(f"{loss_name} is hashable, so {name} is a tuple: tuple(map(float, weights)), not {weights!r}")
    for place, weight in enumerate(weights):
        if not isinstance(weight, Real) or not 0 <= float(weight) < math.inf:
            raise ValueError(f"{loss_name} needs finite {name} of 0 or more, but {name}[{place}] is {weight!r}")


def require_pair(loss: Layer, x: PyTree) -> tuple[jax.Array, jax.Array]:
    """`x`, or ValueError if it is anything but a floating point prediction and a real target."""
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise ValueError(f"{loss} takes (prediction, target), not {jax.tree.structure(x)}")
    prediction, target = x
    require_float(loss, prediction)
    if not (hasattr(target, "dtype") and hasattr(target, "shape")):
        raise ValueError(f"{loss} takes one array as target, but was given {type(target).__name__}")
    if not jnp.isdtype(target.dtype, ("real floating", "integral", "bool")):
        raise ValueError(f"{loss} needs a target of real numbers, not {target.dtype}{list(target.shape)}")
    return prediction, target


def require_same_shape(loss: Layer, prediction: jax.Array, target: jax.Array) -> None:
    """ValueError unless target and prediction have one shape."""
    if prediction.shape != target.shape:
        raise ValueError(
            f"{loss} needs a prediction and a target of one shape, not {list(prediction.shape)} and "
            f"{list(target.shape)}: nothing is broadcast, so reshape one of them"
        )


def require_terms(loss: Layer, reduction: str, prediction: jax.Array, count: int) -> None:
    """ValueError if the loss is to take the mean of no terms."""
    if reduction == "mean" and count == 0:
        raise ValueError(
            f"{loss} of a prediction of shape {list(prediction.shape)} is the mean of nothing: "
            "leave empty batches out, or use reduction='sum', which gives 0"
        )
