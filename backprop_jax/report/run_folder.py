"""Read what a training left in its folder."""

import csv
import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Columns", "RunFolder", "read_run_folder"]

Columns = dict[str, np.ndarray]  # numbers, or texts where a column has any
TABLES = "history", "steps", "health", "suspects"
KEYS = {"history": "epoch", "steps": "step"}  # a resumed training may write one twice: the last counts
PICTURES = ".png", ".svg"


class RunFolder(NamedTuple):
    """What is there; a table that is missing or has no rows yet is None."""

    path: Path
    settings: dict[str, Any]  # of config.toml
    history: Columns | None  # a row an epoch
    steps: Columns | None  # a row a step
    health: Columns | None  # a row a layer, each epoch
    suspects: Columns | None  # a row an example whose label may be wrong
    pictures: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.path.resolve().name


def read_run_folder(folder: str | os.PathLike) -> RunFolder:
    """A training may still be writing there: a last line that is not whole is left out.

    Raises:   ValueError, naming the file and the line, for one that is damaged, and if the folder has neither settings
              nor tables; OSError if something cannot be read.
    """
    path = Path(folder)
    config = path / "config.toml"
    settings: dict[str, Any] = {}
    if config.exists():
        try:
            settings = tomllib.loads(config.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{config} is damaged: {error}") from error
    tables = {name: _table(path / f"{name}.csv", KEYS.get(name)) for name in TABLES}
    if not settings and all(table is None for table in tables.values()):
        raise ValueError(f"{path} is no folder of a training: it has no config.toml, history.csv or steps.csv")
    pictures = sorted(own for own in path.iterdir() if own.suffix in PICTURES and own.is_file())
    return RunFolder(path, settings, **tables, pictures=tuple(pictures))


def _table(path: Path, key: str | None) -> Columns | None:
    if not path.exists():
        return None
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]  # what comes after is being written
    try:
        lines = list(csv.reader(whole.decode("utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if len(lines) < 2:
        return None
    head, *rows = lines
    for number, row in enumerate(rows, 2):
        if len(row) != len(head):
            raise ValueError(f"{path} is damaged: line {number} has {len(row)} of {len(head)} columns")
    columns = {name: _column(name, list(cells)) for name, cells in zip(head, zip(*rows, strict=True), strict=True)}
    if key is None:
        return columns
    if key not in columns or columns[key].dtype.kind != "f":
        raise ValueError(f"{path} is damaged: it has no column {key} of numbers")
    latest = {number: row for row, number in enumerate(columns[key].tolist())}
    rows_kept = [latest[number] for number in sorted(latest)]
    return {name: column[rows_kept] for name, column in columns.items()}


def _column(name: str, cells: list[str]) -> np.ndarray:
    """Numbers, nan where nothing is written, unless there is a text among them, or they are paths: that of layer 1 is
    no 1.0."""
    if name == "layer":
        return np.array(cells)
    try:
        return np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        return np.array(cells)
