"""The history of a training as a table in a CSV file."""

import csv
import os
from collections.abc import Sequence
from typing import Any

from backprop_jax.files.atomic_file import atomic_file
from backprop_jax.train.labelled import Epoch

__all__ = ["save_history"]


def save_history(path: str | os.PathLike, history: Sequence[Any], row: type = Epoch) -> None:
    """Write one row an epoch: the fields of `row`, with a column `gradient_norm/<layer path>` for each layer.

    The file appears whole or not at all. A history without epochs makes a file with the header alone.

    Raises:   OSError if the file cannot be written.
    """
    fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined]
    scalars = [field for field in fields if field != "gradient_norms"]
    layers = list(history[0].gradient_norms) if history else []
    with atomic_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(scalars + [f"gradient_norm/{layer}" for layer in layers])
        for epoch in history:
            norms = [epoch.gradient_norms[layer] for layer in layers]
            table.writerow([getattr(epoch, name) for name in scalars] + norms)
