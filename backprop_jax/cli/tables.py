"""Tables on the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np

from backprop_jax.core.summary import LayerSummary, ModelSummary

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_confusion", "show_cross_check", "show_summary", "show_table"]


def show_table(console: "Console", columns: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
    """Rows of text under the names of their columns, of which the first `left` are set left and the others right.

    On a terminal the columns are fitted to its width; elsewhere each row is one line, however long.
    """
    if not console.is_terminal:
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            cells = [cell.ljust(width) for cell, width in zip(row[:left], widths[:left], strict=True)]
            cells += [cell.rjust(width) for cell, width in zip(row[left:], widths[left:], strict=True)]
            console.print("  ".join(cells).rstrip())
        return

    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if index < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def show_summary(console: "Console", summary: ModelSummary) -> None:
    """A model's layers with their output shapes, parameters and residual bytes."""
    if not console.is_terminal:
        console.print(str(summary))
        return

    def shapes(line: LayerSummary) -> str:
        return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(line.output))

    rows = [
        (line.path, repr(line.layer), shapes(line), f"{line.parameters:,}", f"{line.residual_bytes:,}")
        for line in summary.layers
    ]
    rows.append(("total", "", "", f"{summary.parameters:,}", f"{summary.residual_bytes:,}"))
    show_table(console, ("path", "layer", "output", "parameters", "residual bytes"), rows, left=3)


def show_cross_check(console: "Console", checks: Sequence) -> None:
    """The rows of `backprop_jax.testing.cross_check`: how far each layer's gradient is from two oracles."""
    rows = [
        (
            check.path or "all",
            type(check.layer).__name__ if check.path else "the whole objective",
            f"{check.against_jax_grad:.1e}",
            f"{check.against_central_differences:.1e}",
        )
        for check in checks
    ]
    columns = ("path", "layer", "from jax.grad", "from central differences")
    show_table(console, columns, rows, left=2)


def show_confusion(console: "Console", counts: np.ndarray, class_names: Sequence[str]) -> None:
    """A confusion matrix, actual class by row; zeros are left out."""
    rows = [
        (f"actual {name}", *(str(count) if count else "." for count in row))
        for name, row in zip(class_names, counts, strict=True)
    ]
    show_table(console, ("", *class_names), rows, left=1)
