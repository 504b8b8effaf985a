"""Trainings side by side of which each has examples and an order of its own."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

import jax
import numpy as np
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.data import Examples, batches
from backprop_jax.train.step import GradientTransform, Training, make_step
from backprop_jax.tuning.runs import begin, in_calls, with_first

__all__ = ["OnProgress", "train_apart"]

OnProgress = Callable[[int, int, np.ndarray], None]  # steps taken, steps in all, losses (N,) of the latest batches


def train_apart(
    objective: Layer,
    optimizer: GradientTransform,
    examples: Sequence[Examples],
    seeds: Sequence[int],
    orders: Sequence[int],
    *,
    steps: int,
    batch_size: int,
    on_progress: OnProgress | None,
) -> tuple[Training, np.ndarray]:
    """N trainings with an axis of N before all their arrays, and their losses (N, steps): run n trains on
    `examples[n]`, starts from the key of `seeds[n]`, and its epochs e = 1, 2, ... are `batches(examples[n], batch_size,
    (orders[n], e))`, so many of them as all runs have.

    Raises:   ValueError if there is no step, or a batch is larger than some of the examples.
    """
    if whole_number(steps, least=1) is None:
        raise ValueError(f"a training takes 1 step or more, not {steps!r}")
    per_epoch = min(map(len, examples)) // max(batch_size, 1)
    first, stream = with_first(_side_by_side(examples, orders, batch_size, per_epoch))
    runs = begin(objective, optimizer, [{}] * len(seeds), seeds, jax.tree.map(lambda leaf: leaf[0], first))
    losses: list[np.ndarray] = []
    for batches_of_call in in_calls(stream, steps):
        runs, loss = _advance(objective, optimizer, runs, batches_of_call)
        losses += [*np.asarray(loss)]
        if on_progress is not None:
            on_progress(len(losses), steps, losses[-1])
    return runs, np.stack(losses, -1)


def _side_by_side(
    examples: Sequence[Examples], orders: Sequence[int], batch_size: int, per_epoch: int
) -> Iterator[PyTree]:
    """The next batch of every run, stacked, for ever."""
    epoch = 0
    while True:
        epoch += 1
        own = [batches(part, batch_size, (order, epoch)) for part, order in zip(examples, orders, strict=True)]
        for together in islice(zip(*own, strict=False), per_epoch):
            yield jax.tree.map(lambda *leaves: np.stack(leaves), *together)


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def _advance(
    objective: Layer, optimizer: GradientTransform, runs: Training, batches: PyTree
) -> tuple[Training, jax.Array]:
    """One step of every run on its own one of each of K batches (K, N, ...), and the losses (K, N)."""
    return lax.scan(jax.vmap(make_step(objective, optimizer)), runs, batches)
