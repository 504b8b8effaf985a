"""Many trainings side by side, of one model and one kind of optimizer: one compiled step for all."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.optim.inspection.changing import hyperparams, with_hyperparams
from backprop_jax.train.step import GradientTransform, Training, make_step, start
from backprop_jax.tuning.space import Trial

__all__ = ["advance", "begin", "in_calls", "keep", "with_first"]

STEPS_A_CALL = 16  # their batches are on the device at once


def begin(
    objective: Layer, optimizer: GradientTransform, trials: Sequence[Trial], seeds: Sequence[int], batch: PyTree
) -> Training:
    """Trainings with an axis of N runs before all their arrays: run n has the hyper-parameters `trials[n]`, and
    starts as `start` does from the key of `seeds[n]`.

    Raises:   ValueError if there are no trials, or they do not all set the same hyper-parameters of the optimizer.
    """
    if not trials:
        raise ValueError("there is nothing to try: trials is empty")
    names = trials[0].keys()
    if any(trial.keys() != names for trial in trials):
        raise ValueError(f"every trial needs a value of each of {sorted(names)}")
    if unknown := names - hyperparams(optimizer).keys():
        known = ", ".join(hyperparams(optimizer))
        raise ValueError(f"{optimizer!r} has no hyper-parameter {', '.join(sorted(unknown))}; it has {known}")
    values = {name: jnp.asarray([trial[name] for trial in trials], jnp.float32) for name in names}
    distinct = list(dict.fromkeys(seeds))  # each compiles a little
    keys = jnp.stack([jax.random.key(seed) for seed in distinct])[np.array([distinct.index(seed) for seed in seeds])]

    @jax.jit
    @partial(jax.vmap, in_axes=(0, 0))
    def one(values: dict[str, jax.Array], key: jax.Array) -> Training:
        training = start(objective, optimizer, key, batch)
        return training._replace(optimizer_state=with_hyperparams(training.optimizer_state, **values))

    return one(values, keys)


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def advance(
    objective: Layer, optimizer: GradientTransform, runs: Training, batches: PyTree
) -> tuple[Training, jax.Array]:
    """One step of every run on each of K batches, stacked, and the losses (K, N). The buffers of `runs` are donated."""
    step = jax.vmap(make_step(objective, optimizer), in_axes=(0, None))
    return lax.scan(step, runs, batches)


def keep(runs: Training, rows: np.ndarray) -> Training:
    """Some of the runs."""
    return jax.tree.map(lambda leaf: leaf[rows], runs)


def in_calls(batches: Iterator[PyTree], steps: int) -> Iterable[PyTree]:
    """The next batches, stacked for `advance`, `steps` of them in all.

    Raises:   ValueError if there are fewer, or they are not all of one shape.
    """
    taken, shapes = 0, set()
    while taken < steps:
        some: list[Any] = list(islice(batches, min(STEPS_A_CALL, steps - taken)))
        taken += len(some)
        if len(some) < STEPS_A_CALL and taken < steps:
            raise ValueError(f"the batches ended after {taken} of {steps} steps: give an iterator over more epochs")
        shapes |= {str(jax.tree.map(np.shape, batch)) for batch in some}
        if len(shapes) > 1:
            raise ValueError(f"all batches of a sweep need one shape, not {' and '.join(sorted(shapes))}")
        yield jax.tree.map(lambda *leaves: np.stack(leaves), *some)


def with_first(batches: Iterable[PyTree]) -> tuple[PyTree, Iterator[PyTree]]:
    """The first batch, and all of them.

    Raises:   ValueError if there is none.
    """
    stream = iter(batches)
    for first in stream:
        return first, chain([first], stream)
    raise ValueError("there is no batch to train on")
