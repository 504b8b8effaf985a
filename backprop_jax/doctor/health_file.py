"""The health of a training's layers as a table in a CSV file."""

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.doctor.layer_health import checkup
from backprop_jax.doctor.rows import LayerHealth
from backprop_jax.doctor.run_files import read_health
from backprop_jax.files.atomic_file import atomic_file
from backprop_jax.train.step import GradientTransform, Training

__all__ = ["record_health", "save_health"]


def save_health(path: str | os.PathLike, rows: Sequence[LayerHealth]) -> None:
    """Write a row a layer and epoch; what is NaN is left empty. The file appears whole or not at all.

    Raises:   OSError if the file cannot be written.
    """
    with atomic_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(LayerHealth._fields)
        table.writerows(["" if value != value else value for value in row] for row in rows)


def record_health(
    path: str | os.PathLike, objective: Layer, optimizer: GradientTransform | None, batch: PyTree
) -> Callable[[Any, Training], None]:
    """The function `(row, training)` for `fit(..., on_epoch=...)`, which adds to the file what `checkup` tells.

    The batch is to be the same for all epochs; it need not be trained on. What the file holds of this epoch and later
    ones is replaced, as a training that is resumed comes to them again.

    Raises:   at an epoch, as `checkup`, and OSError or ValueError if the file cannot be written or read.
    """
    return _Recorder(Path(path), objective, optimizer, batch)


@dataclass(frozen=True, eq=False)
class _Recorder:
    path: Path
    objective: Layer
    optimizer: GradientTransform | None
    batch: PyTree

    def __call__(self, row: Any, training: Training) -> None:
        before = read_health(self.path) if self.path.exists() else ()
        rows = checkup(self.objective, self.optimizer, training, self.batch, row.epoch)
        save_health(self.path, [*(old for old in before if old.epoch < row.epoch), *rows])
