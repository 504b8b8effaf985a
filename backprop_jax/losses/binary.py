"""Losses of one score against yes or no."""

import math
from dataclasses import dataclass, field
from numbers import Real

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.losses.checks import require_label_smoothing, require_pair, require_reduction, require_weights
from backprop_jax.losses.pointwise import PointwiseResiduals, matched_pair, pull_pointwise
from backprop_jax.losses.reduction import reduce

__all__ = ["BinaryCrossEntropy", "Hinge"]


@dataclass(frozen=True)
class BinaryCrossEntropy(Layer):
    """The cross-entropy of independent yes-or-no questions, from logits.

        y = mean(-w t log σ(x) - (1 - t) log σ(-x)),   t = (1 - s) target + s / 2

    with w = pos_weight and s = label_smoothing. log σ(±x) is -log1p(e^-|x|) - max(∓x, 0), so no logit is too large.

    Shapes:   prediction (...) float, the logits x; target (...) of 0 and 1, or of probabilities between, of any real
              dtype or bool -> y () in at least float32; (...) if reduction is "none".
    Params, state: none.
    Saves:    the slope (1 - t) σ(x) - w t σ(-x), in at least float32. Not both x and the target.
    Backward: dprediction = slope dy / size. The target is a constant.
    Units:    nats. pos_weight is one weight for all, or a tuple of one weight for each place on the last axis.
    Raises:   ValueError if label_smoothing is outside [0, 1), a pos_weight is negative or infinite, their number is not
              that of the last axis, and as MeanSquaredError. A target outside [0, 1] cannot be seen under jit.
    Source:   Szegedy et al., 2015, arXiv:1512.00567, section 7, for the smoothing.
    """

    label_smoothing: float = 0.0
    pos_weight: float | tuple[float, ...] = 1.0
    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)
        require_label_smoothing(self, self.label_smoothing)
        if isinstance(self.pos_weight, tuple):
            require_weights(self, "pos_weight", self.pos_weight)
        elif not isinstance(self.pos_weight, Real) or not 0 <= self.pos_weight < math.inf:
            raise ValueError(f"BinaryCrossEntropy needs finite pos_weight of 0 or more, not {self.pos_weight!r}")

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PointwiseResiduals]:
        logits, target = matched_pair(self, self.reduction, x)
        target = (1 - self.label_smoothing) * target + self.label_smoothing / 2
        yes, no = self._pos_weight(logits) * target, 1 - target
        # -log σ(x) = tail + max(-x, 0) and -log σ(-x) = tail + max(x, 0): sums of positive terms, so nothing cancels.
        # sign(x) x is |x| with a derivative of 0 at 0, where that of max is 1/2: together they give σ(0).
        tail = lax.log1p(lax.exp(-lax.sign(logits) * logits))
        terms = yes * (tail + jnp.maximum(-logits, 0)) + no * (tail + jnp.maximum(logits, 0))
        slope = no * lax.logistic(logits) - yes * lax.logistic(-logits)
        return reduce(terms, self.reduction, terms.size), state, PointwiseResiduals(slope, Static(x[0].dtype))

    def backward(self, params: PyTree, residuals: PointwiseResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), pull_pointwise(residuals, self.reduction, dy)

    def _pos_weight(self, logits: jax.Array) -> float | jax.Array:
        if not isinstance(self.pos_weight, tuple):
            return float(self.pos_weight)
        if logits.shape[-1:] != (len(self.pos_weight),):
            raise ValueError(
                f"{self} has {len(self.pos_weight)} weights, one for each place on the last axis, "
                f"but its logits have the shape {list(logits.shape)}"
            )
        return jnp.asarray(self.pos_weight, logits.dtype)


@dataclass(frozen=True)
class Hinge(Layer):
    """The distance by which a score falls short of a margin of one.

        y = mean(max(1 - target prediction, 0))

    Shapes:   prediction (...) float, target (...) of -1 and +1, signed -> y () in at least float32; (...) if reduction
              is "none".
    Params, state: none.
    Saves:    the slope, in at least float32: -target within the margin, 0 outside, -target / 2 on its edge.
    Backward: dprediction = slope dy / size. The target is a constant.
    Raises:   ValueError if the dtype of the target cannot hold -1, and as MeanSquaredError.
    Source:   Cortes & Vapnik, 1995, doi:10.1007/BF00994018.
    """

    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PointwiseResiduals]:
        _, target = require_pair(self, x)
        if not jnp.isdtype(target.dtype, ("real floating", "signed integer")):
            raise ValueError(
                f"{self} needs a target of -1 and +1, not {target.dtype}: 2 * target.astype('int32') - 1 makes one"
            )
        prediction, target = matched_pair(self, self.reduction, x)
        shortfall = 1 - target * prediction
        # sign is 1, 0 and -1 within, on and outside the margin: the derivative of max, with half of it at a tie
        slope = -target * (1 + lax.sign(shortfall)) / 2
        y = reduce(jnp.maximum(shortfall, 0), self.reduction, shortfall.size)
        return y, state, PointwiseResiduals(slope, Static(x[0].dtype))

    def backward(self, params: PyTree, residuals: PointwiseResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), pull_pointwise(residuals, self.reduction, dy)
