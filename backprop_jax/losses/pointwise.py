"""What the losses that compare element with element share: their input, what they save, and the way back."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.losses.checks import require_pair, require_same_shape, require_terms
from backprop_jax.losses.reduction import unreduce

__all__ = ["PointwiseResiduals", "matched_pair", "pull_pointwise"]


class PointwiseResiduals(NamedTuple):
    slope: jax.Array  # the derivative of each element's loss by its prediction
    dtype: Static  # of the prediction


def matched_pair(loss: Layer, reduction: str, x: PyTree) -> tuple[jax.Array, jax.Array]:
    """The prediction and the target, of one shape, in the dtype to compute in; the target is a constant."""
    prediction, target = require_pair(loss, x)
    require_same_shape(loss, prediction, target)
    require_terms(loss, reduction, prediction, prediction.size)
    precise = jnp.promote_types(prediction.dtype, jnp.float32)
    return prediction.astype(precise), lax.stop_gradient(target.astype(precise))


def pull_pointwise(residuals: PointwiseResiduals, reduction: str, dy: jax.Array) -> tuple[jax.Array, None]:
    """The cotangents of the prediction and of the target, which has none."""
    dterms = unreduce(dy, reduction, residuals.slope.size)
    return (dterms * residuals.slope).astype(residuals.dtype.value), None
