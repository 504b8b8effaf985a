"""Examples from files larger than the memory, loaded while the steps before are taken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode
from backprop_jax.data import Source, ordered_batches, prefetch_to_device, shuffled_batches, steps_per_epoch
from backprop_jax.train.step import Training
from backprop_jax.train.training_data import Pass, fingerprint

__all__ = ["LoadedData", "LoadedEpoch"]


class LoadedEpoch(NamedTuple):
    """One row of the history. Losses are means over examples."""

    epoch: int  # from 1
    step: int  # steps taken so far
    train_loss: float  # mean over the epoch's steps, in train mode
    validation_loss: float  # after the epoch, in eval mode, on the whole part
    examples_per_second: float  # in the epoch's steps, without the one that compiles
    gradient_norms: dict[str, float]  # mean over the epoch's steps, by layer path


@dataclass(frozen=True, eq=False)
class LoadedData:
    """Sources for an objective that takes their examples, in batches, as they are; its loss is a mean over a batch.

        data = LoadedData(Records("data/train"), Records("data/validation"), batch_size=64)
        first = next(data.batches(epoch=1))
        trained = fit(objective, optimizer, start(objective, optimizer, key, first), data, epochs=10)

    A source is what `data.shuffled_batches` takes, and `map` and `workers` are as there. `prefetch` batches wait on the
    device; a device that has to wait all the same shows in `Progress.waiting`. Worker processes are started for every
    epoch and every validation.

    Raises:   ValueError for a batch of no example, or more than there are to train on, for a source without examples,
              and if one for validation has another form than one to train on; ModuleNotFoundError, naming the extra to
              install, if grain is missing.
    """

    row: ClassVar[type[LoadedEpoch]] = LoadedEpoch

    train: Source
    validation: Source
    batch_size: int
    seed: int = 0
    map: Callable[[Any], Any] | None = None
    workers: int = 0
    prefetch: int = 2

    def __post_init__(self) -> None:
        self.batches(1)
        self._held_out()
        fitted, held_out = (_form(source[0], self.map) for source in (self.train, self.validation))
        if fitted != held_out:
            raise ValueError(f"examples to train on are of the form {fitted}, and those for validation {held_out}")

    @property
    def steps_per_epoch(self) -> int:
        return steps_per_epoch(self.train, self.batch_size)

    @property
    def items_per_step(self) -> int:
        return self.batch_size

    def check(self, objective: Layer, training: Training) -> None:
        pass

    def state_of_epoch(self, objective: Layer, epoch: int, state: PyTree) -> PyTree:
        return state

    def batches(self, epoch: int, start: int = 0) -> Iterator[PyTree]:
        read = shuffled_batches(
            self.train,
            self.batch_size,
            seed=self.seed,
            epoch=epoch,
            start=start,
            workers=self.workers,
            map=self.map,
        )
        return prefetch_to_device(read, self.prefetch)

    def measure(self, objective: Layer, training: Training, done: Pass) -> LoadedEpoch:
        evaluated, total = eval_mode(objective), 0.0
        for batch in self._held_out():
            size = len(jax.tree.leaves(batch)[0])
            total += float(_loss(evaluated, training.params, training.state, batch)) * size
        return LoadedEpoch(
            epoch=done.epoch,
            step=done.step,
            train_loss=done.loss,
            validation_loss=total / len(self.validation),
            examples_per_second=done.items_per_second,
            gradient_norms=done.gradient_norms,
        )

    def identity(self) -> dict[str, Any]:
        parts = {"train": _identity(self.train), "validation": _identity(self.validation)}
        return {"batch_size": self.batch_size, "seed": self.seed} | parts

    def _held_out(self) -> Iterator[PyTree]:
        read = ordered_batches(self.validation, self.batch_size, workers=self.workers, map=self.map)
        return prefetch_to_device(read, self.prefetch)


@partial(jax.jit, static_argnums=0)
def _loss(objective: Layer, params: PyTree, state: PyTree, batch: PyTree) -> jax.Array:
    loss, _, _ = objective.forward(params, state, batch)
    return loss


def _form(example: Any, map: Callable[[Any], Any] | None) -> str:
    """Its arrays' dtypes and shapes, in their tree."""
    read = example if map is None else map(example)
    leaves, structure = jax.tree.flatten(read)
    return str(structure.unflatten([f"{np.asarray(leaf).dtype}{list(np.shape(leaf))}" for leaf in leaves]))


def _identity(source: Source) -> list[Any]:
    """The number of examples and the checksum that records have, or else the fingerprints of three of them."""
    checksum = getattr(source, "checksum", None)
    if isinstance(checksum, int):
        return [len(source), checksum]
    some = (source[number] for number in (0, len(source) // 2, len(source) - 1))
    return [len(source), *(fingerprint(np.asarray(leaf)) for example in some for leaf in jax.tree.leaves(example))]
