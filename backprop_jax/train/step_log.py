"""Every step of a training as a row in a CSV file, while it runs."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

from backprop_jax.files.atomic_file import atomic_file
from backprop_jax.train.learning_rate import Rate, rate_of_step
from backprop_jax.train.records import Progress

__all__ = ["log_steps"]

COLUMNS = "step", "epoch", "loss", "items_per_second", "waiting"


def log_steps(path: str | os.PathLike, learning_rate: Rate | None = None) -> Callable[[Progress], None]:
    """The `on_progress` of `fit` that writes steps to a file: the columns step, epoch, loss, items_per_second and
    waiting, as in `Progress`, learning_rate, if that or its schedule is given, and `gradient_norm/<layer path>` for
    each layer.

    What it is told it writes at once. In a file that is there already the rows before its first step stay, so that a
    resumed training makes the file that it would have made had it never stopped, but for its speeds.

    Raises:   OSError if the file cannot be written; ValueError, at the first report of a resumed training, if it is
              another table.
    """
    path, begun = Path(path), False
    rate = None if learning_rate is None else rate_of_step(learning_rate)
    columns = COLUMNS if rate is None else (*COLUMNS, "learning_rate")

    def on_progress(progress: Progress) -> None:
        nonlocal begun
        first = progress.recent[0]
        header = [*columns, *(f"gradient_norm/{layer}" for layer in first.gradient_norms)]
        if not begun:
            _keep_before(path, first.step, header)
            begun = True
        with open(path, "a", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            for record in progress.recent:
                told = [f"{progress.items_per_second:.6g}", f"{progress.waiting:.4f}"]
                told += [] if rate is None else [f"{rate(record.step):.6g}"]
                table.writerow([record.step, progress.epoch, record.loss, *told, *record.gradient_norms.values()])

    return on_progress


def _keep_before(path: Path, step: int, header: list[str]) -> None:
    """Leave the rows of the steps before this one, without one that was half written."""
    kept: list[list[str]] = []
    if step > 1 and path.exists():
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            if next(rows, None) != header:
                raise ValueError(f"{path} is no log of this training: its columns are others")
            kept = [row for row in rows if len(row) == len(header) and row[0].isdigit() and int(row[0]) < step]
    with atomic_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *kept])
