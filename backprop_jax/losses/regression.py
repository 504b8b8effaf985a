"""Losses of a number against a number, by the size of the error."""

import math
from dataclasses import dataclass, field
from numbers import Real

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.losses.checks import require_reduction
from backprop_jax.losses.pointwise import PointwiseResiduals, matched_pair, pull_pointwise
from backprop_jax.losses.reduction import reduce

__all__ = ["Huber", "MeanAbsoluteError", "MeanSquaredError"]


@dataclass(frozen=True)
class MeanSquaredError(Layer):
    """The square of the error.

        y = mean(e²),   e = prediction - target

    Shapes:   prediction (...) float, target (...) real -> y () in at least float32; (...) if reduction is "none".
    Params, state: none.
    Saves:    2 e, in at least float32.
    Backward: dprediction = 2 e dy / size. The target is a constant.
    Units:    those of the prediction, squared. There is no factor of one half.
    Raises:   ValueError if the shapes differ, the prediction is not floating point, reduction is not "mean", "sum" or
              "none", or it is "mean" and there are no elements.
    """

    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PointwiseResiduals]:
        prediction, target = matched_pair(self, self.reduction, x)
        error = prediction - target
        y = reduce(error * error, self.reduction, error.size)
        return y, state, PointwiseResiduals(2 * error, Static(x[0].dtype))

    def backward(self, params: PyTree, residuals: PointwiseResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), pull_pointwise(residuals, self.reduction, dy)


@dataclass(frozen=True)
class MeanAbsoluteError(Layer):
    """The size of the error.

        y = mean(|e|),   e = prediction - target

    Shapes:   prediction (...) float, target (...) real -> y () in at least float32; (...) if reduction is "none".
    Params, state: none.
    Saves:    sign(e), in the dtype of the prediction: NaN where e is.
    Backward: dprediction = sign(e) dy / size, so 0 where e = 0. The target is a constant.
    Units:    those of the prediction.
    Raises:   as MeanSquaredError.
    """

    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PointwiseResiduals]:
        prediction, target = matched_pair(self, self.reduction, x)
        error = prediction - target
        sign = lax.sign(error)
        # not lax.abs, whose derivative at 0 is 1: a perfect prediction would move
        y = reduce(sign * error, self.reduction, error.size)
        return y, state, PointwiseResiduals(sign.astype(x[0].dtype), Static(x[0].dtype))

    def backward(self, params: PyTree, residuals: PointwiseResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), pull_pointwise(residuals, self.reduction, dy)


@dataclass(frozen=True)
class Huber(Layer):
    """Quadratic in small errors, linear in large ones, with a continuous derivative.

        y = mean(q (|e| - q / 2)),   q = min(|e|, delta),   e = prediction - target

    Shapes:   prediction (...) float, target (...) real -> y () in at least float32; (...) if reduction is "none".
    Params, state: none.
    Saves:    e clipped to [-delta, delta], in at least float32.
    Backward: dprediction = clip(e, -delta, delta) dy / size. The target is a constant.
    Units:    delta is in those of the prediction, y in their square: e² / 2 up to delta.
    Raises:   ValueError if delta is not positive and finite, and as MeanSquaredError.
    Source:   Huber, 1964, doi:10.1214/aoms/1177703732.
    """

    delta: float = 1.0
    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)
        if not isinstance(self.delta, Real) or not 0 < self.delta < math.inf:
            raise ValueError(f"Huber needs a positive, finite delta, not {self.delta!r}; MeanSquaredError has no limit")

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PointwiseResiduals]:
        prediction, target = matched_pair(self, self.reduction, x)
        error = prediction - target
        delta = float(self.delta)
        size = lax.abs(error)
        quadratic = jnp.minimum(size, delta)
        y = reduce(quadratic * (size - quadratic / 2), self.reduction, error.size)
        return y, state, PointwiseResiduals(jnp.clip(error, -delta, delta), Static(x[0].dtype))

    def backward(self, params: PyTree, residuals: PointwiseResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), pull_pointwise(residuals, self.reduction, dy)
