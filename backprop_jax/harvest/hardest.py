"""The examples of a batch, the hardest first."""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.agreement import alignment
from backprop_jax.harvest.norms import square_norms, weighted_sum
from backprop_jax.harvest.per_example import example_gradients

__all__ = ["HardExamples", "hardest_examples"]

Measure = Literal["loss", "norm", "alignment"]


class HardExamples(NamedTuple):
    """Of the B examples of a batch, in its order but for `order`."""

    order: jax.Array  # (B,) their numbers, the hardest first
    losses: jax.Array | None  # (B,) each one's own; None if the objective gives a scalar
    norms: jax.Array  # (B,) |g_i|
    alignments: jax.Array  # (B,) <g_i, mean of the others' gradients>


def hardest_examples(
    objective: Layer, by: Measure = "loss"
) -> Callable[[PyTree, PyTree, PyTree], tuple[PyTree, HardExamples]]:
    """The function `(params, state, batch) -> (((value, new_state), gradient), HardExamples)`.

    The hardest come first by their own loss, the largest first; by the norm of their gradient, the largest first, for
    such an example moves the model most; or by its alignment, the lowest first:

        <g_i, (Σ_{j ≠ i} g_j) / (B - 1)>

    A step along -g_i lowers the loss of the others by the learning rate times this, or raises it where it is below 0:
    the first are suspects, of a wrong label or another task. An example has no say in what it is measured by. All
    three come from one backward pass; gradient is the mean of the examples' own.

    By loss, the objective is to give one an example, as with `reduction="none"`; summed over further axes.

    Raises:   ValueError if `by` is of another kind, or "loss" where the objective gives a scalar, and as
              `example_gradients`.
    Source:   Pruthi et al., 2020, arXiv:2002.08484 (TracIn), at one point and within the batch; for the norm
              Katharopoulos & Fleuret, 2018, arXiv:1803.00942.
    """
    if by not in get_args(Measure):
        raise ValueError(f"hardest_examples ranks by 'loss', 'norm' or 'alignment', not by {by!r}")
    gradients_of = example_gradients(objective)

    def ranked(params: PyTree, state: PyTree, batch: PyTree) -> tuple[PyTree, HardExamples]:
        count = jax.tree.leaves(batch)[0].shape[0]
        (value, new_state), gradients = gradients_of(params, state, batch)
        losses = jnp.sum(value, tuple(range(1, value.ndim))) if value.shape[:1] == (count,) else None
        if by == "loss" and losses is None:
            raise ValueError(
                f"hardest_examples by loss needs one for each of the {count} examples, not {value.dtype}"
                f'{list(value.shape)}: use reduction="none"'
            )
        squares = square_norms(gradients)
        total = weighted_sum(gradients, jnp.ones(count))
        alignments = (alignment(gradients, total) - squares) / max(count - 1, 1)
        hardness = {"loss": losses, "norm": squares, "alignment": -alignments}[by]
        order = jnp.argsort(jnp.asarray(hardness), descending=True, stable=True)  # what is no number comes first
        mean = jax.tree.map(lambda leaf: leaf / count, total)
        return ((value, new_state), mean), HardExamples(order, losses, jnp.sqrt(squares), alignments)

    return ranked
