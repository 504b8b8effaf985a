"""The tables that a training leaves in its folder."""

import csv
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

from backprop_jax.doctor.rows import EpochRow, LayerHealth, StepRow, Suspect

__all__ = ["FILES", "Run", "read_health", "read_run"]

NORM = "gradient_norm/"
FILES = {"history": "history.csv", "steps": "steps.csv", "health": "health.csv", "suspects": "suspects.csv"}
# What cannot be judged without each.
JUDGED_BY = {
    "history": "over- and underfitting",
    "steps": "the learning rate, loss spikes and the supply of data",
    "health": "dead and saturated units, activations and updates",
    "suspects": "labels",
}

Row = TypeVar("Row")


class Run(NamedTuple):
    """What is known of a training; None: there is no such file."""

    history: tuple[EpochRow, ...] | None
    steps: tuple[StepRow, ...] | None
    health: tuple[LayerHealth, ...] | None
    suspects: tuple[Suspect, ...] | None

    @property
    def missing(self) -> tuple[str, ...]:
        """For each file that is not there, a line that says what cannot be judged."""
        return tuple(
            f"{FILES[name]} is not there or empty: {judged} cannot be judged"
            for name, judged in JUDGED_BY.items()
            if not getattr(self, name)
        )


def read_run(folder: str | os.PathLike) -> Run:
    """The tables of a RUN folder.

    A last line that was cut off, as by a power failure, is left out. An epoch or step that a file holds twice, as after
    a training was resumed, counts as it was the last time.

    Raises:   OSError if there is no such folder, or none of the files in it; ValueError that names file and line for a
              number that is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder")
    if not any((folder / name).exists() for name in FILES.values()):
        raise FileNotFoundError(f"{folder} holds none of {', '.join(FILES.values())}: is it the folder of a training?")
    readers = {"history": _epoch, "steps": _step, "health": _health, "suspects": _suspect}
    found = {name: _read(folder / FILES[name], make) for name, make in readers.items()}
    return Run(
        history=_latest(found["history"], "epoch"),
        steps=_latest(found["steps"], "step"),
        health=found["health"],
        suspects=found["suspects"],
    )


def read_health(path: str | os.PathLike) -> tuple[LayerHealth, ...]:
    """What `save_health` wrote.

    Raises:   OSError if there is no such file; ValueError that names the line for a number that is none.
    """
    if (rows := _read(Path(path), _health)) is None:
        raise FileNotFoundError(f"there is no file {path}")
    return rows


def _read(path: Path, make: Callable[["_Line"], Any]) -> tuple[Any, ...] | None:
    if not path.exists():
        return None
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        text = file.read()
    lines = text.splitlines()
    table = list(csv.reader(lines))
    if not table:
        return ()
    header, *rows = table
    # A number that was cut off may still read as one, so of a last line only its end tells that it is whole.
    if rows and not text.endswith(("\n", "\r")):
        rows = rows[:-1]
    return tuple(make(_Line(path, number, header, row)) for number, row in enumerate(rows, 2) if row)


class _Line(NamedTuple):
    path: Path
    number: int  # in the file, from 1
    header: Sequence[str]
    cells: Sequence[str]

    def number_of(self, column: str, missing: float | None = math.nan) -> float:
        """The number in this column; `missing`, unless that is None, if it is empty or there is no such column."""
        if len(self.cells) != len(self.header):
            self._refuse(f"{len(self.cells)} cells under {len(self.header)} columns")
        text = self.cells[self.header.index(column)] if column in self.header else ""
        if not text and missing is not None:
            return missing
        try:
            return float(text)
        except ValueError:
            self._refuse(f"{column} is no number: {text!r}" if text else f"there is no {column}")

    def whole(self, column: str) -> int:
        value = self.number_of(column, missing=None)
        if not value.is_integer():
            self._refuse(f"{column} is no whole number: {value}")
        return int(value)

    def norms(self) -> dict[str, float]:
        columns = [name for name in self.header if name.startswith(NORM)]
        return {name.removeprefix(NORM): self.number_of(name) for name in columns}

    def _refuse(self, what: str) -> NoReturn:
        raise ValueError(f"{self.path}, line {self.number}: {what}")


def _epoch(line: _Line) -> EpochRow:
    train, validation = (line.number_of(name) for name in ("train_loss", "validation_loss"))
    return EpochRow(line.whole("epoch"), train, validation, line.norms())


def _step(line: _Line) -> StepRow:
    return StepRow(line.whole("step"), line.number_of("loss", missing=None), line.number_of("waiting"), line.norms())


def _health(line: _Line) -> LayerHealth:
    _, _, *numbers = LayerHealth._fields
    layer = line.cells[line.header.index("layer")] if "layer" in line.header[: len(line.cells)] else ""
    return LayerHealth(line.whole("epoch"), layer, *map(line.number_of, numbers))


def _suspect(line: _Line) -> Suspect:
    index, label, answer, suspected = map(line.whole, ("index", "label", "answer", "suspected"))
    return Suspect(index, label, answer, line.number_of("loss", missing=None), bool(suspected))


def _latest(rows: tuple[Row, ...] | None, key: str) -> tuple[Row, ...] | None:
    if rows is None:
        return None
    by_key = {getattr(row, key): row for row in rows}
    return tuple(by_key[value] for value in sorted(by_key))
