"""Several trainings of one model from other seeds, whose predictions are averaged."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode
from backprop_jax.data import Examples
from backprop_jax.train.step import GradientTransform, Training
from backprop_jax.tuning.apart import OnProgress, train_apart

__all__ = ["Ensemble", "ensemble"]


class Ensemble(NamedTuple):
    """Trained members. Axes: N members, K steps."""

    trainings: Training  # with the axis N before all arrays
    losses: np.ndarray  # (N, K), of the batches trained on

    def member(self, number: int) -> Training:
        """What one of them learned."""
        return jax.tree.map(lambda leaf: leaf[number], self.trainings)

    def probabilities(self, model: Layer, x: PyTree) -> jax.Array:
        """The mean of the members' softmax, (..., V), in at least float32, of the logits of the model in eval mode."""
        return _probabilities(eval_mode(model), self.trainings.params, self.trainings.state, x)


def ensemble(
    objective: Layer,
    optimizer: GradientTransform,
    examples: Examples,
    *,
    steps: int,
    batch_size: int,
    seeds: Sequence[int],
    on_progress: OnProgress | None = None,
) -> Ensemble:
    """Train a classifier once from each of the seeds, all at once by `jax.vmap`.

    A seed gives the first parameters and the order of the examples. Each member is what it would be if it were trained
    alone; they differ, and their mean is better than one of them and knows better what it does not know.
    `on_progress(steps taken, steps in all, losses)` is told of every few steps. Memory is that of all the trainings
    together.

    Raises:   ValueError if there is no seed, one is there twice, no step is taken, or a batch is larger than the data.
    Source:   Lakshminarayanan, Pritzel & Blundell, 2017, arXiv:1612.01474, algorithm 1 without adversarial examples.
    """
    seeds = tuple(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"an ensemble needs seeds that are all different, not {tuple(seeds)}")
    given = {"steps": steps, "batch_size": batch_size, "on_progress": on_progress}
    return Ensemble(*train_apart(objective, optimizer, [examples] * len(seeds), seeds, seeds, **given))


@partial(jax.jit, static_argnums=0)
def _probabilities(model: Layer, params: PyTree, state: PyTree, x: PyTree) -> jax.Array:
    def of_member(params: PyTree, state: PyTree) -> jax.Array:
        logits, _, _ = model.forward(params, state, x)
        return jax.nn.softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)), -1)

    return jnp.mean(jax.vmap(of_member)(params, state), 0)
