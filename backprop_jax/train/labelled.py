"""Labelled examples: in another order each epoch, and an evaluation on all of them after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.data import Examples, batches
from backprop_jax.train.evaluate import evaluate
from backprop_jax.train.step import Training
from backprop_jax.train.training_data import Pass, fingerprint

__all__ = ["Epoch", "Labelled"]


class Epoch(NamedTuple):
    """One row of the history. Losses and accuracies are measured after the epoch in eval mode, on the whole part."""

    epoch: int  # from 1
    step: int  # steps taken so far
    train_loss: float
    train_accuracy: float  # fraction
    validation_loss: float
    validation_accuracy: float  # fraction
    images_per_second: float  # in the epoch's steps, without the one that compiles
    gradient_norms: dict[str, float]  # mean over the epoch's steps, by layer path


@dataclass(frozen=True, eq=False)
class Labelled:
    """Examples to train a classifier on, and others to validate it. The batches of an epoch depend on `seed` and the
    epoch's number alone.

    Raises:   ValueError if a batch has no example, or more than there are to train on.
    """

    row: ClassVar[type[Epoch]] = Epoch

    train: Examples
    validation: Examples
    batch_size: int
    seed: int = 0

    def __post_init__(self) -> None:
        batches(self.train, self.batch_size, self.seed)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.train) // self.batch_size

    @property
    def items_per_step(self) -> int:
        return self.batch_size

    def check(self, objective: Layer, training: Training) -> None:
        pass

    def state_of_epoch(self, objective: Layer, epoch: int, state: PyTree) -> PyTree:
        return state

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return islice(batches(self.train, self.batch_size, (self.seed, epoch)), start, None)

    def measure(self, objective: Supervised, training: Training, done: Pass) -> Epoch:
        fitted, held_out = (evaluate(objective, *training[:2], part) for part in (self.train, self.validation))
        return Epoch(
            epoch=done.epoch,
            step=done.step,
            train_loss=fitted.loss,
            train_accuracy=fitted.accuracy,
            validation_loss=held_out.loss,
            validation_accuracy=held_out.accuracy,
            images_per_second=done.items_per_second,
            gradient_norms=done.gradient_norms,
        )

    def identity(self) -> dict[str, Any]:
        told = {"batch_size": self.batch_size, "seed": self.seed}
        parts = {"train": self.train, "validation": self.validation}
        arrays = {f"{name} {axis}": getattr(part, axis) for name, part in parts.items() for axis in "xy"}
        return told | {name: fingerprint(array) for name, array in arrays.items()}
