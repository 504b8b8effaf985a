"""The loss of classification: one class, or a distribution over classes, against logits."""

import math
from dataclasses import dataclass, field
from numbers import Integral
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.losses.checks import (
    require_label_smoothing,
    require_pair,
    require_reduction,
    require_terms,
    require_weights,
)
from backprop_jax.losses.reduction import reduce, unreduce

__all__ = ["CrossEntropy"]


class LabelResiduals(NamedTuple):
    logits: jax.Array  # (..., V)
    labels: jax.Array  # (...)
    shift: jax.Array  # (..., 1): the largest logit
    total: jax.Array  # (..., 1): Σ exp(logits - shift), in at least float32


class DistributionResiduals(NamedTuple):
    slope: jax.Array  # (..., V): the derivative of each row's term by its logits, in at least float32
    dtype: Static  # of the logits


@dataclass(frozen=True)
class CrossEntropy(Layer):
    """The cross-entropy of softmax, from logits.

        y = mean(-Σ_v q_v log p_v),   p = softmax(x),   q_v = w_v ((1 - s) [v = target] + s / V)

    with w = class_weights (1 if None) and s = label_smoothing. A soft target, one probability a class, takes the place
    of [v = target]. Rows whose label is ignore_index have q = 0. As in PyTorch, "mean" divides by the sum of w[target]
    over the rows that are not ignored, and by the number of rows if the target is soft. Where that sum is 0, as when
    all rows are ignored, loss and gradient are 0; in PyTorch they are NaN.

    Shapes:   prediction (..., V) float, the logits x; target (...) integer in [0, V), or (..., V) float -> y () in at
              least float32; (...) if reduction is "none".
    Params, state: none.
    Saves:    logits and labels as they came, and two numbers a row in at least float32. Not p: it is three operations
              away. For a soft target the slope p Σ q - q alone, in place of both logits and target.
    Backward: dprediction = (p Σ q - q) dy of the row. The target is a constant.
    Units:    nats.
    Raises:   ValueError if label_smoothing is outside [0, 1), a class weight is negative or infinite, their number is
              not V, the logits are not floating point or have no classes, the target is neither integers of the shape
              of the rows nor floating point of the shape of the logits, ignore_index meets a soft target, reduction is
              not "mean", "sum" or "none", or it is "mean" and there are no rows. TypeError if class_weights is not a
              tuple or ignore_index not an integer. A label outside [0, V) cannot be seen under jit: the loss is NaN.
    Source:   Szegedy et al., 2015, arXiv:1512.00567, section 7, for the smoothing.
    """

    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None
    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)
        require_label_smoothing(self, self.label_smoothing)
        if self.class_weights is not None:
            require_weights(self, "class_weights", self.class_weights)
        if isinstance(self.ignore_index, bool) or not isinstance(self.ignore_index, Integral | None):
            raise TypeError(f"CrossEntropy needs an integer ignore_index or None, not {self.ignore_index!r}")

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PyTree]:
        logits, target = self._require(x)
        classes, precise = logits.shape[-1], jnp.promote_types(logits.dtype, jnp.float32)
        # p = exp(shifted) / total and -log p = log(total) - shifted: no exponent is positive, and total is at least 1
        shift = lax.stop_gradient(lax.reduce_max(logits, (logits.ndim - 1,)))[..., None].astype(precise)
        shifted = logits.astype(precise) - shift
        total = _sum_classes(lax.exp(shifted))
        weights, even, _ = self._weights(classes, precise)
        if target.ndim == logits.ndim:
            q = (1 - self.label_smoothing) * weights * lax.stop_gradient(target.astype(precise)) + even
            terms = _expected(q, lax.log(total) - shifted)
            slope = lax.exp(shifted) / total * _sum_classes(q) - q
            return reduce(terms, self.reduction, terms.size), state, DistributionResiduals(slope, Static(logits.dtype))
        counted, weight, count = self._label_rows(target, classes, precise)
        label_logit = jnp.take_along_axis(logits, _look_up(target, classes)[..., None], -1, mode="fill")
        terms = (1 - self.label_smoothing) * weight * (lax.log(total) - (label_logit.astype(precise) - shift))[..., 0]
        if self.label_smoothing:
            terms = terms + _expected(even, lax.log(total) - shifted)
        terms = jnp.where(counted, terms, 0)
        return reduce(terms, self.reduction, count), state, LabelResiduals(logits, target, shift, total)

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, PyTree]:
        # forward: term = Σ q (log total - shifted)   so: dlogits = (p Σ q - q) dterm
        if isinstance(residuals, DistributionResiduals):
            slope, dtype = residuals
            dterms = unreduce(dy, self.reduction, math.prod(slope.shape[:-1]))
            return (), ((dterms[..., None] * slope).astype(dtype.value), None)
        logits, labels, shift, total = residuals
        _, even, even_mass = self._weights(logits.shape[-1], total.dtype)
        counted, weight, count = self._label_rows(labels, logits.shape[-1], total.dtype)
        at_label = (1 - self.label_smoothing) * weight[..., None]
        is_label = lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1) == labels.astype(jnp.int32)[..., None]
        q = jnp.where(is_label, at_label, 0) + even
        p = lax.exp(logits.astype(total.dtype) - shift) / total
        dterms = jnp.where(counted, unreduce(dy, self.reduction, count), 0)[..., None]
        return (), ((dterms * (p * (at_label + even_mass) - q)).astype(logits.dtype), None)

    def curvature_weights(self, x: PyTree, dy: jax.Array) -> jax.Array:
        """m (...) of each row, such that dy times the loss has the Hessian m (diag(p) - p pᵀ) by the row's logits."""
        logits, target = self._require(x)
        classes, precise = logits.shape[-1], jnp.promote_types(logits.dtype, jnp.float32)
        weights, even, even_mass = self._weights(classes, precise)
        if target.ndim == logits.ndim:
            mass = _sum_classes((1 - self.label_smoothing) * weights * target.astype(precise) + even)[..., 0]
            return mass * unreduce(dy, self.reduction, mass.size)
        counted, weight, count = self._label_rows(target, classes, precise)
        mass = (1 - self.label_smoothing) * weight + even_mass
        return jnp.where(counted, mass * unreduce(dy, self.reduction, count), 0)

    def _weights(self, classes: int, dtype: jnp.dtype) -> tuple[float | jax.Array, float | jax.Array, float]:
        """w; s w / V, which smoothing adds to q in every row; and its sum over the classes."""
        share = self.label_smoothing / classes
        if self.class_weights is None:
            return 1.0, share, self.label_smoothing
        weights = jnp.asarray(self.class_weights, dtype)
        return weights, share * weights, share * sum(self.class_weights)

    def _label_rows(
        self, labels: jax.Array, classes: int, dtype: jnp.dtype
    ) -> tuple[jax.Array, jax.Array, int | jax.Array]:
        """Which rows count, w[label] or 0 where they do not, and what "mean" divides by."""
        counted = jnp.full(labels.shape, True)
        if self.ignore_index is not None:
            counted = labels.astype(jnp.int32) != self.ignore_index
        weight = counted.astype(dtype)
        if self.class_weights is not None:
            weights = jnp.asarray(self.class_weights, dtype)
            weight = jnp.where(counted, jnp.take(weights, _look_up(labels, classes), mode="fill"), 0)
        if self.class_weights is None and self.ignore_index is None:
            return counted, weight, labels.size
        count = lax.reduce_sum(weight, tuple(range(labels.ndim)))
        return counted, weight, jnp.where(count == 0, jnp.inf, count)  # so that the mean of nothing is 0 and not 0 / 0

    def _require(self, x: PyTree) -> tuple[jax.Array, jax.Array]:
        logits, target = require_pair(self, x)
        require_float(self, logits, rank=1)
        rows, found = logits.shape[:-1], f"{target.dtype}{list(target.shape)}"
        if logits.shape[-1] == 0:
            raise ValueError(f"{self} needs at least one class, but its logits have the shape {list(logits.shape)}")
        if target.shape == rows:
            if not jnp.issubdtype(target.dtype, jnp.integer):
                raise ValueError(
                    f"{self} needs class numbers of an integer dtype, not {found}: convert with target.astype('int32')"
                )
        elif target.shape == logits.shape:
            if not jnp.issubdtype(target.dtype, jnp.floating):
                raise ValueError(
                    f"{self} needs probabilities of a floating point dtype, not {found}: "
                    "convert one-hot rows with target.astype('float32')"
                )
            if self.ignore_index is not None:
                raise ValueError(
                    f"{self} has an ignore_index, which no row of {found} probabilities can be: set it to None"
                )
        else:
            raise ValueError(
                f"{self} of logits {list(logits.shape)} needs class numbers of shape {list(rows)} or probabilities of "
                f"shape {list(logits.shape)}, not {found}"
            )
        if self.class_weights is not None and len(self.class_weights) != logits.shape[-1]:
            raise ValueError(f"{self} has {len(self.class_weights)} class_weights, but the logits {list(logits.shape)}")
        require_terms(self, self.reduction, logits, math.prod(rows))
        return logits, target


def _sum_classes(rows: jax.Array) -> jax.Array:
    return lax.reduce_sum(rows, (rows.ndim - 1,))[..., None]


def _expected(q: float | jax.Array, surprise: jax.Array) -> jax.Array:
    """Σ q surprise of each row. A class with q = 0 adds nothing, even if its logit is -inf."""
    if isinstance(q, float):
        return q * _sum_classes(surprise)[..., 0]
    return _sum_classes(jnp.where(q == 0, 0, q * surprise))[..., 0]


def _look_up(labels: jax.Array, classes: int) -> jax.Array:
    """The labels as indices; those below 0 become too large, so that "fill" gives NaN and none counts from the end."""
    labels = labels.astype(jnp.int32)
    return jnp.where(labels < 0, classes, labels)
