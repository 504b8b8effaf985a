"""The loss of a large vocabulary: the last projection and the cross-entropy of its logits, which are never formed."""

import math
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.cotangents import cast_like
from backprop_jax.core.example_gradients import Each, summed
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.core.whole_number import whole_number
from backprop_jax.initializers import Initializer, normal
from backprop_jax.losses.checks import require_label_smoothing, require_reduction, require_terms
from backprop_jax.losses.logit_chunks import Rule, accumulate, chunk_of_tokens, measure, tile_of_classes
from backprop_jax.losses.logit_gradients import LogitGradients, Tokens, backward_by_tiles
from backprop_jax.losses.reduction import reduce, unreduce

__all__ = ["LinearCrossEntropy", "LinearCrossEntropyOfExamples"]


class Inputs(NamedTuple):
    hidden: jax.Array  # (..., D)
    labels: jax.Array  # (...)
    weights: jax.Array | None  # (...)


class Kept(NamedTuple):
    """The gradients for a cotangent of 1."""

    hidden: jax.Array  # (..., D), in at least float32
    params: PyTree  # in at least float32
    types: Static  # the dtype of hidden, and how many inputs there were


@dataclass(frozen=True)
class LinearCrossEntropy(Layer):
    """`CrossEntropy` of the logits x = hidden tableᵀ + b, without the (..., V) array of them.

        y = mean(w (log Σ_v exp(x_v) - Σ_v q_v x_v + z_loss (log Σ_v exp(x_v))²)),   q_v = (1 - s) [v = target] + s / V

    with the weight w of each token (1 if none are given), s = label_smoothing and, with a logit_softcap, cap tanh(x /
    cap) in place of x. Tokens whose target is ignore_index do not count. "mean" divides by Σ w over those that do;
    where that is 0, loss and gradient are 0. With accuracy, y is (loss, accuracy): the share, weighted as in the mean,
    of the tokens whose target is the first of their largest logits; it has no gradient.

    Shapes:   hidden (..., D) float, target (...) integer in [0, V), V = num_classes, and weights (...) float if given
              -> y () in at least float32; (...) if reduction is "none". The accuracy is always ().
    Params:   table (V, D), in the form of `Embedding`'s, so that it may be tied; b (V,) with use_bias.   State: none.
    Saves:    the gradients for a cotangent of 1, in at least float32, if they take no more room than the logits would,
              (N + V) D <= N V, and there is one cotangent: a term's gradient is known with its logits, so backward has
              but to scale. Else the inputs, and backward forms the logits again. As what an evaluation does not use is
              no part of a jitted program, it costs the logits alone.
    Backward: with p = softmax(x) and the cotangent dterm of each token's term, for a chunk of chunk_size tokens:
                dx = (p (1 + 2 z_loss log Σ exp(x)) - q) dterm,   times 1 - (x / cap)² with a logit_softcap
                dhidden = dx table,   dtable = dxᵀ hidden and db = Σ dx, both summed over all chunks
              Target and weights are constants.
    Units:    nats.
    Raises:   ValueError if num_classes or chunk_size is less than 1, label_smoothing is outside [0, 1), z_loss is
              negative, logit_softcap not positive, hidden is not floating point or its width is not the table's, target
              is not integers or weights not floating point of the shape of the tokens, reduction is not "mean", "sum"
              or "none", or it is "mean" and there are no tokens. TypeError if ignore_index is not an integer. A label
              outside [0, V) cannot be seen under jit: the loss is NaN.
    Source:   Wijmans et al., 2024, arXiv:2411.09009, for the chunks; de Brébisson & Vincent, 2015, arXiv:1511.05042,
              and Chowdhery et al., 2022, arXiv:2204.02311, section 5, for z_loss.
    """

    num_classes: int
    use_bias: bool = False
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    z_loss: float = 0.0
    logit_softcap: float | None = None
    accuracy: bool = False
    chunk_size: int | None = None
    kernel_init: Initializer = normal(0.02)
    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)
        require_label_smoothing(self, self.label_smoothing)
        for name in ("num_classes", "chunk_size"):
            number = getattr(self, name)
            if name == "chunk_size" and number is None:
                continue
            if whole_number(number, least=1) is None:
                raise ValueError(f"LinearCrossEntropy needs a whole {name} of 1 or more, not {number!r}")
        if not isinstance(self.z_loss, Real) or not 0 <= self.z_loss < math.inf:
            raise ValueError(f"LinearCrossEntropy needs a finite z_loss of 0 or more, not {self.z_loss!r}")
        cap = self.logit_softcap
        if cap is not None and (not isinstance(cap, Real) or not 0 < cap < math.inf):
            raise ValueError(f"LinearCrossEntropy needs a positive logit_softcap or None, not {cap!r}")
        if isinstance(self.ignore_index, bool) or not isinstance(self.ignore_index, Integral | None):
            raise TypeError(f"LinearCrossEntropy needs an integer ignore_index or None, not {self.ignore_index!r}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        hidden = self._require(x).hidden
        if hidden.shape[-1] == 0:
            raise ValueError(f"{self} needs inputs of width 1 or more, not of shape {list(hidden.shape)}")
        dtype = jnp.promote_types(hidden.dtype, jnp.float32)
        params = {"table": self.kernel_init(key, (self.num_classes, hidden.shape[-1]), dtype)}
        if self.use_bias:
            params["b"] = jnp.zeros(self.num_classes, dtype)
        return params, ()

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        inputs = self._require(x)
        hidden, labels, _ = inputs
        table = params["table"]
        self._require_params(params, hidden)
        rows = hidden.reshape(labels.size, hidden.shape[-1])
        keeps = self.reduction != "none" and (len(rows) + len(table)) * hidden.shape[-1] <= labels.size * len(table)
        weight, count = self._weigh(inputs, self._precise(params, hidden))
        operands, chunk = (params, rows, labels.reshape(-1)), chunk_of_tokens(labels.size, self.chunk_size)
        if keeps:
            dterms = unreduce(weight, self.reduction, count).reshape(-1)
            found, gradients = accumulate(self._rule, *operands, dterms, chunk)
            types = Static((hidden.dtype, len(x)))
            residuals = Kept(gradients.hidden.reshape(hidden.shape), gradients.params, types)
        else:
            (found, _), residuals = measure(self._rule, *operands, chunk), inputs
        terms = jnp.where(weight == 0, 0, weight * found.terms.reshape(labels.shape))
        y = reduce(terms, self.reduction, count)
        if found.correct is not None:
            y = y, reduce(weight * found.correct.reshape(labels.shape), "mean", count)
        return y, state, residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dy = dy[0] if self.accuracy else dy
        if dy is None:
            return None, None
        if isinstance(residuals, Kept):
            # forward: y is linear in the terms, whose gradients are there   so: what is left is dy
            dparams = jax.tree.map(lambda leaf: dy * leaf, residuals.params)
            dtype, count = residuals.types.value
            return cast_like(dparams, params), ((dy * residuals.hidden).astype(dtype), *(None,) * (count - 1))
        hidden, labels, weights = residuals
        weight, count = self._weigh(residuals, self._precise(params, hidden))
        dterms = (weight * unreduce(dy, self.reduction, count)).reshape(-1)
        rows, chunk = hidden.reshape(labels.size, hidden.shape[-1]), chunk_of_tokens(labels.size, self.chunk_size)
        _, gradients = accumulate(self._rule, params, rows, labels.reshape(-1), dterms, chunk)
        dhidden = gradients.hidden.reshape(hidden.shape).astype(hidden.dtype)
        return cast_like(gradients.params, params), (dhidden, None) if weights is None else (dhidden, None, None)

    def curvature_weights(self, params: PyTree, x: PyTree, dy: jax.Array) -> jax.Array:
        """m (...) of each token, such that dy times the loss has the Hessian m (diag(p) - p pᵀ) by the token's logits
        with their softcap, if z_loss is 0."""
        inputs = self._require(x)
        weight, count = self._weigh(inputs, self._precise(params, inputs.hidden))
        return weight * unreduce(dy, self.reduction, count)

    def per_example_form(self) -> "LinearCrossEntropyOfExamples":
        return LinearCrossEntropyOfExamples(self)

    @property
    def _rule(self) -> Rule:
        return Rule(self.label_smoothing, self.z_loss, self.logit_softcap, self.accuracy)

    def _weigh(self, inputs: Inputs, precise: jnp.dtype) -> tuple[jax.Array, int | jax.Array]:
        """The weight of each token, 0 where it does not count, and what "mean" divides by."""
        _, labels, weights = inputs
        if weights is None and self.ignore_index is None:
            return jnp.ones(labels.shape, precise), max(labels.size, 1)
        weight = jnp.ones(labels.shape, precise) if weights is None else lax.stop_gradient(weights.astype(precise))
        if self.ignore_index is not None:
            weight = jnp.where(labels.astype(jnp.int32) == self.ignore_index, 0, weight)
        count = lax.reduce_sum(weight, tuple(range(weight.ndim)))
        return weight, jnp.where(count == 0, jnp.inf, count)  # so that the mean of nothing is 0 and not 0 / 0

    def _precise(self, params: PyTree, hidden: jax.Array) -> jnp.dtype:
        return jnp.promote_types(jnp.promote_types(hidden.dtype, params["table"].dtype), jnp.float32)

    def _require_params(self, params: PyTree, hidden: jax.Array) -> None:
        table = params["table"]
        if table.shape != (self.num_classes, hidden.shape[-1]):
            raise ValueError(
                f"{self} of inputs {list(hidden.shape)} needs a table of shape "
                f"{[self.num_classes, hidden.shape[-1]]}, but was given {list(table.shape)}"
            )
        if ("b" in params) != self.use_bias:
            raise ValueError(f"{self} has use_bias={self.use_bias}, but was given the parameters {', '.join(params)}")

    def _require(self, x: PyTree) -> Inputs:
        if not isinstance(x, tuple | list) or len(x) not in (2, 3):
            raise ValueError(f"{self} takes (hidden, target) or (hidden, target, weights), not {jax.tree.structure(x)}")
        hidden, labels, weights = x if len(x) == 3 else (*x, None)
        require_float(self, hidden, rank=1)
        tokens = hidden.shape[:-1]
        if not hasattr(labels, "dtype") or labels.shape != tokens or not jnp.issubdtype(labels.dtype, jnp.integer):
            raise ValueError(
                f"{self} of inputs {list(hidden.shape)} needs class numbers of an integer dtype and of shape "
                f"{list(tokens)}, not {_described(labels)}"
            )
        if weights is not None and (
            not hasattr(weights, "dtype") or weights.shape != tokens or not jnp.issubdtype(weights.dtype, jnp.floating)
        ):
            raise ValueError(
                f"{self} of inputs {list(hidden.shape)} needs floating point weights of shape {list(tokens)}, not "
                f"{_described(weights)}"
            )
        require_terms(self, self.reduction, hidden, math.prod(tokens))
        return Inputs(hidden, labels, weights)


class ResidualsOfExamples(NamedTuple):
    inputs: Inputs
    log_total: jax.Array  # (N,)


@dataclass(frozen=True)
class LinearCrossEntropyOfExamples(Layer):
    """The loss in the form of which the gradients of single examples are told.

        y = the loss;   with reduction="mean" the mean over the examples of each one's own mean over its tokens

    which is the same where every example has as many tokens that count: else what one example gives depends on how many
    tokens the others have.

    Params, state: those of the loss.   Saves: the inputs, and a number a token.
    Backward: that of the loss, a tile of classes of all tokens at a time.
    """

    layer: LinearCrossEntropy

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, ResidualsOfExamples]:
        loss, inputs = self.layer, self.layer._require(x)
        hidden, labels, _ = inputs
        loss._require_params(params, hidden)
        chunk, rows = chunk_of_tokens(labels.size, loss.chunk_size), hidden.reshape(labels.size, hidden.shape[-1])
        found, log_total = measure(loss._rule, params, rows, labels.reshape(-1), chunk)
        weight, count = self._weigh(params, inputs)
        terms = jnp.where(weight == 0, 0, weight * found.terms.reshape(labels.shape))
        y = reduce(terms, loss.reduction, count)
        if found.correct is not None:
            weight, count = loss._weigh(inputs, loss._precise(params, hidden))
            y = y, reduce(weight * found.correct.reshape(labels.shape), "mean", count)
        return y, state, ResidualsOfExamples(inputs, log_total)

    def backward(self, params: PyTree, residuals: ResidualsOfExamples, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dx = self.backward_per_example(params, residuals, dy)
        return summed(dparams), dx

    def backward_per_example(self, params: PyTree, residuals: ResidualsOfExamples, dy: PyTree) -> tuple[PyTree, PyTree]:
        loss, (inputs, log_total) = self.layer, residuals
        dy = dy[0] if loss.accuracy else dy
        if dy is None:
            return None, None
        hidden, labels, weights = inputs
        weight, count = self._weigh(params, inputs)
        dterms = weight * unreduce(dy, loss.reduction, count)
        examples = labels.shape[0] if labels.ndim else 1
        tokens = Tokens(
            hidden.reshape(examples, labels.size // max(examples, 1), hidden.shape[-1]),
            *(leaf.reshape(examples, -1) for leaf in (labels.astype(jnp.int32), log_total, dterms)),
        )
        tile = tile_of_classes(loss.num_classes, labels.size, chunk_of_tokens(labels.size, loss.chunk_size))
        found = backward_by_tiles(loss._rule, params, tokens, tile)
        dtype = params["table"].dtype
        dparams: PyTree = {"table": LogitGradients(tokens, params, found.norms, loss._rule, tile, dtype)}
        if loss.use_bias:
            dparams["b"] = Each.of(found.b, params["b"].dtype)
        dhidden = found.hidden.reshape(hidden.shape).astype(hidden.dtype)
        return dparams, (dhidden, None) if weights is None else (dhidden, None, None)

    def _weigh(self, params: PyTree, inputs: Inputs) -> tuple[jax.Array, int | jax.Array]:
        """The weight of each token and what "mean" divides by, each example's weights having a sum of 1."""
        weight, count = self.layer._weigh(inputs, self.layer._precise(params, inputs.hidden))
        if self.layer.reduction != "mean":
            return weight, count
        own = jnp.sum(weight, tuple(range(1, weight.ndim)), keepdims=True)
        return weight / jnp.where(own == 0, jnp.inf, own), max(len(weight), 1) if weight.ndim else 1


def _described(array: Any) -> str:
    return f"{array.dtype}{list(array.shape)}" if hasattr(array, "dtype") else type(array).__name__
