"""The gradient of a batch too large for the memory, a part of it at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.cotangents import cast_like, instantiate, widen
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised, value_and_grad
from backprop_jax.core.whole_number import whole_number
from backprop_jax.losses import CrossEntropy, LinearCrossEntropy
from backprop_jax.models.encoder_decoder import EncoderDecoderLoss
from backprop_jax.models.language_model import LanguageModelLoss

__all__ = ["AccumulatedValueAndGrad", "accumulated_value_and_grad"]

Weight = Callable[[PyTree], jax.Array]
ValueAndGrad = Callable[[PyTree, PyTree, PyTree], tuple[tuple[jax.Array, PyTree], PyTree]]


def accumulated_value_and_grad(
    parts: int, weight: Weight | None = None, differentiate: Callable[[Layer], ValueAndGrad] = value_and_grad
) -> "AccumulatedValueAndGrad":
    """`value_and_grad` that takes a batch in parts, one after another, and the memory of one part:

    step = make_step(objective, optimizer, differentiate=accumulated_value_and_grad(8))
    """
    return AccumulatedValueAndGrad(parts, weight, differentiate)


@dataclass(frozen=True)
class AccumulatedValueAndGrad:
    """The loss and the gradient of a batch as the means of those of its parts, each by its own weight.

        loss = Σ_p w_p loss_p / Σ w,   gradient = Σ_p w_p gradient_p / Σ w,   summed in at least float32

    Part p has the rows p, parts + p, 2 parts + p, ... of axis 0, so that with a batch sharded along that axis each
    device keeps its rows. `weight(part of the batch)` is what the mean of that part divides by: then loss and gradient
    are those of the whole batch, up to rounding, however its masks fall. A part of weight 0 counts for nothing.

    Without `weight` it is told by the loss, for objectives of `supervised`, `LanguageModelLoss` and
    `EncoderDecoderLoss` with a loss of ours: the tokens that are not its ignore_index, by their weights if it has
    some; else the rows, which are the same in all parts. Losses with reduction="sum" are added up.

    State goes on from part to part. So batch statistics are those of a part, as in training with a smaller batch, and
    their running means move `parts` times a step; dropout draws other masks than for the whole batch. A state with a
    row for each of the batch, as of `recurrent(..., carry="state")`, does not fit.
    `differentiate` is what each part is done by, such as `scaled_value_and_grad`, whose scale then moves by the part.

    Raises:   ValueError if parts is no whole number of 1 or more, does not divide the length of axis 0 of every array
              of the batch, or nothing tells the weight of a part; TypeError if weight cannot be called.
    """

    parts: int
    weight: Weight | None = None
    differentiate: Callable[[Layer], ValueAndGrad] = value_and_grad

    def __post_init__(self) -> None:
        if whole_number(self.parts, least=1) is None:
            raise ValueError(f"accumulated_value_and_grad needs 1 part or more, not {self.parts!r}")
        if self.weight is not None and not callable(self.weight):
            raise TypeError(f"accumulated_value_and_grad needs weight as a function of a batch, not {self.weight!r}")

    def __call__(self, objective: Layer) -> ValueAndGrad:
        weight, adds_up = (self.weight, False) if self.weight is not None else _weight_by(objective)
        differentiated = self.differentiate(objective)

        def value_and_gradient(params: PyTree, state: PyTree, batch: PyTree) -> tuple[tuple[jax.Array, PyTree], PyTree]:
            rows = jax.tree.map(self._in_parts, batch)
            weights = lax.map(lambda part: _wide(weight(_part(rows, part))), jnp.arange(self.parts))
            total = 1 if adds_up else lax.reduce_sum(weights, (0,))
            shares = weights / jnp.where(total == 0, 1, total)

            def add(carry: tuple[PyTree, PyTree], of_part: tuple[jax.Array, jax.Array]) -> tuple[PyTree, jax.Array]:
                part, share = of_part
                so_far, state = carry
                (value, state), gradient = differentiated(params, state, _part(rows, part))

                def weighted(leaf: jax.Array) -> jax.Array:
                    # The mean of nothing is NaN in losses of others, and here it is nothing.
                    return jnp.where(share == 0, 0, share.astype(leaf.dtype) * leaf)

                so_far = jax.tree.map(lambda sum_, leaf: sum_ + weighted(leaf), so_far, widen(gradient))
                return (so_far, state), weighted(_wide(value))

            nothing = widen(instantiate(None, params))
            (gradient, state), values = lax.scan(add, (nothing, state), (jnp.arange(self.parts), shares))
            return (lax.reduce_sum(values, (0,)), state), cast_like(gradient, params)

        return value_and_gradient

    def _in_parts(self, leaf: jax.Array) -> jax.Array:
        shape = jnp.shape(leaf)
        if not shape or shape[0] % self.parts:
            raise ValueError(
                f"accumulated_value_and_grad({self.parts}) splits axis 0 of every array of the batch, and one of shape "
                f"{list(shape)} has no {self.parts} equal parts: choose a batch size that is a multiple of the parts"
            )
        return jnp.reshape(leaf, (shape[0] // self.parts, self.parts, *shape[1:]))


def _part(rows: PyTree, part: jax.Array) -> PyTree:
    return jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, part, 1, keepdims=False), rows)


def _wide(value: jax.typing.ArrayLike) -> jax.Array:
    return jnp.asarray(value, jnp.promote_types(jnp.result_type(value), jnp.float32))


def _weight_by(objective: Layer) -> tuple[Weight, bool]:
    """What the mean of a part divides by, or 1, according to the loss; and whether the parts add up, as sums do."""
    begins = 3 if isinstance(objective, EncoderDecoderLoss) else 1  # of what the loss is given beside the prediction
    loss: Any = getattr(objective, "loss", None)
    if not isinstance(objective, Supervised | LanguageModelLoss | EncoderDecoderLoss) or not hasattr(loss, "reduction"):
        raise ValueError(
            f"accumulated_value_and_grad does not know by what {objective} weighs the parts of a batch: give it "
            "weight=, the function from a part to what its mean divides by, as a count of its tokens"
        )
    if isinstance(loss, CrossEntropy | LinearCrossEntropy) and loss.reduction == "mean":
        return lambda batch: _counted(loss, *batch[begins:]), False
    return lambda batch: jnp.ones(()), loss.reduction == "sum"


def _counted(loss: CrossEntropy | LinearCrossEntropy, target: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """The sum of the weights of the tokens that count."""
    weight = jnp.ones(target.shape, jnp.float32) if weights is None else _wide(weights)
    of_classes = getattr(loss, "class_weights", None)
    if of_classes is not None and not jnp.issubdtype(target.dtype, jnp.floating):
        weight = weight * jnp.take(jnp.asarray(of_classes, weight.dtype), target, mode="clip")
    if loss.ignore_index is not None:
        weight = jnp.where(target.astype(jnp.int32) == loss.ignore_index, 0, weight)
    return lax.reduce_sum(weight, tuple(range(weight.ndim)))
