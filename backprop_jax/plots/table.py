"""What a training told, column by column."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["History", "Table", "as_table", "norms_of"]

Table = Mapping[str, np.ndarray]  # name: a value each row
History = Table | Sequence[Any]  # or rows, as `train.fit` makes them
NORM = "gradient_norm/"


def as_table(history: History) -> Table:
    """The columns of a history of rows, under the names that they have in its file; a table stays as it is.

    Raises:   ValueError if there are no rows.
    """
    if isinstance(history, Mapping):
        table = {name: np.asarray(column, float) for name, column in history.items()}
    else:
        rows = [row._asdict() for row in history]
        norms = [row.pop("gradient_norms", {}) for row in rows]
        table = {name: np.array([row[name] for row in rows], float) for name in (rows[0] if rows else ())}
        table |= {f"{NORM}{layer}": np.array([own[layer] for own in norms]) for layer in (norms[0] if norms else ())}
    if not any(len(column) for column in table.values()):
        raise ValueError("there is nothing to draw: the history has no rows")
    return table


def norms_of(table: Table) -> dict[str, np.ndarray]:
    """The columns that are gradient norms, by layer path."""
    return {name.removeprefix(NORM): column for name, column in table.items() if name.startswith(NORM)}
