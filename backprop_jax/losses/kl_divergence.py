"""The divergence of one distribution from another."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.losses.checks import require_pair, require_reduction, require_same_shape, require_terms
from backprop_jax.losses.reduction import reduce, unreduce

__all__ = ["KLDivergence"]


class KLDivergenceResiduals(NamedTuple):
    target: jax.Array
    dtype: Static  # of the prediction


@dataclass(frozen=True)
class KLDivergence(Layer):
    """How far the target distribution is from the predicted one.

        y = mean(Σ_v p_v (log p_v - x_v)),   0 log 0 = 0

    The sum is over the last axis, so "none" gives one number a distribution and "mean" divides by their number, not by
    that of the elements: PyTorch's "batchmean".

    Shapes:   prediction (..., V) float, the logarithms x of probabilities, as LogSoftmax gives them; target (..., V)
              float, the probabilities p -> y () in at least float32; (...) if reduction is "none".
    Params, state: none.
    Saves:    the target as it came.
    Backward: dprediction = -p dy / rows. The target is a constant.
    Units:    nats.
    Raises:   ValueError if the shapes differ or have no axes, either is not floating point, reduction is not "mean",
              "sum" or "none", or it is "mean" and there are no rows. Rows that are no distributions cannot be seen
              under jit.
    Source:   Kullback & Leibler, 1951, doi:10.1214/aoms/1177729694.
    """

    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, KLDivergenceResiduals]:
        log_q, target = require_pair(self, x)
        require_float(self, log_q, rank=1)
        require_float(self, target)
        require_same_shape(self, log_q, target)
        rows = _rows(target)
        require_terms(self, self.reduction, log_q, rows)
        precise = jnp.promote_types(log_q.dtype, jnp.float32)
        p = lax.stop_gradient(target.astype(precise))
        impossible = p == 0
        log_p = lax.log(jnp.where(impossible, 1, p))
        terms = jnp.where(impossible, 0, p * (log_p - log_q.astype(precise)))
        y = reduce(lax.reduce_sum(terms, (terms.ndim - 1,)), self.reduction, rows)
        return y, state, KLDivergenceResiduals(target, Static(log_q.dtype))

    def backward(self, params: PyTree, residuals: KLDivergenceResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        target, dtype = residuals
        drows = unreduce(dy, self.reduction, _rows(target))
        # forward: a row's term is Σ p (log p - log_q)
        dlog_q = -drows[..., None] * target
        return (), (dlog_q.astype(dtype.value), None)


def _rows(target: jax.Array) -> int:
    return math.prod(target.shape[:-1])
