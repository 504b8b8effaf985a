"""What `fit` trains on."""

import zlib
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.train.step import Training

__all__ = ["Pass", "TrainingData", "fingerprint"]

Row = TypeVar("Row", covariant=True)

PIECES, PIECE = 64, 2**20  # of a large array, and the bytes of one: as much is read for a fingerprint


class Pass(NamedTuple):
    """What the steps of one epoch tell."""

    epoch: int  # from 1
    step: int  # steps taken so far
    loss: float  # mean over the steps, in train mode
    items_per_second: float  # without the step that compiles
    gradient_norms: dict[str, float]  # mean over the steps, by layer path, in the order of the model


class TrainingData(Protocol[Row]):
    """The batches of a training, and how what is learned from them is measured. `Labelled` is the one for classifiers.

    The same seed, epoch and place give the same batch: that is why a training can go on from the middle of an epoch.
    """

    row: ClassVar[type]  # of the history, a NamedTuple

    @property
    def seed(self) -> int:
        """Of the order of the batches, and of what each step draws."""
        ...

    @property
    def steps_per_epoch(self) -> int: ...

    @property
    def items_per_step(self) -> int:
        """Images, or tokens: what the speed is told in."""
        ...

    def check(self, objective: Any, training: Training) -> None:
        """Raises: ValueError if these are no data for this objective, before a step is compiled."""
        ...

    def state_of_epoch(self, objective: Any, epoch: int, state: PyTree) -> PyTree:
        """The state that an epoch starts from; most give the one back that the epoch before left."""
        ...

    def batches(self, epoch: int, start: int = 0) -> Iterator[PyTree]:
        """Those of an epoch, from 1, without its first `start` ones."""
        ...

    def measure(self, objective: Any, training: Training, done: Pass) -> Row:
        """The row of the history for the epoch that just ended."""
        ...

    def identity(self) -> dict[str, Any]:
        """What must be the same in a training that goes on, as JSON can hold it."""
        ...


def fingerprint(array: np.ndarray) -> str:
    """The dtype, the shape and a CRC-32 of the bytes; of an array of more than 64 MiB, of pieces all over it."""
    rows = np.asarray(array)
    if rows.nbytes > PIECES * PIECE:
        count = max(PIECE * len(rows) // rows.nbytes, 1)
        begins = np.linspace(0, len(rows) - count, PIECES).astype(int)
        pieces = [rows[begin : begin + count] for begin in begins]
    else:
        pieces = [rows]
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(np.ascontiguousarray(piece).tobytes(), checksum)
    return f"{rows.dtype}{list(rows.shape)} {checksum:08x}"
