"""What is told of one batch on its way through a model, as values and as a table."""

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.diagnosis import FlowStatistics

__all__ = [
    "COLUMNS",
    "LEFT",
    "Explanation",
    "LayerExplanation",
    "ParameterExplanation",
    "difference",
    "number",
    "rows",
    "shapes",
]

COLUMNS = "path", "layer", "output", "parameters", "saved bytes", "|y|", "|dy|", "|dparams|", "from jax.grad"
LEFT = 3  # of the columns are text


class ParameterExplanation(NamedTuple):
    """One array of parameters. Norms are numbers, or in a `scan` one for each of its layers."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    norm: np.ndarray
    gradient_norm: np.ndarray | None  # None, as below: whole numbers, which have no gradient
    from_jax_grad: float | None  # in float64: the largest difference, relative to the largest number


class LayerExplanation(NamedTuple):
    """One layer."""

    path: str
    layer: Layer
    output: PyTree  # shapes and dtypes, in a `scan` of one step; None if its forward is not what the model calls
    residual_bytes: int  # of this layer alone, in a `scan` of one step
    activation: FlowStatistics | None  # of its output; None for a layer that the model itself opens, as a tied table
    cotangent: FlowStatistics | None  # of the output's; of no values where none is needed, before the first parameters
    parameters: tuple[ParameterExplanation, ...]

    @property
    def gradient_norm(self) -> np.ndarray | None:
        """Of all its parameters together; None without any."""
        norms = [own.gradient_norm for own in self.parameters if own.gradient_norm is not None]
        return np.sqrt(sum(np.square(norm) for norm in norms)) if norms else None

    @property
    def from_jax_grad(self) -> float | None:
        """That of its worst parameter."""
        return worst(self.parameters)


class Explanation(NamedTuple):
    """Print it for a table, save it as a page, or read its fields."""

    objective: Layer
    batch: PyTree  # shapes and dtypes
    value: float  # of the objective
    gradient_norm: float
    residual_bytes: int  # of all; neighbours that save the same array share it, and a scan saves each of its layers'
    layers: tuple[LayerExplanation, ...]

    @property
    def from_jax_grad(self) -> float | None:
        """That of the worst parameter."""
        return worst(tuple(own for layer in self.layers for own in layer.parameters))

    def __str__(self) -> str:
        table = [COLUMNS, *rows(self)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [self.headline]
        for row in table:
            cells = [cell.ljust(width) for cell, width in zip(row[:LEFT], widths[:LEFT], strict=True)]
            cells += [cell.rjust(width) for cell, width in zip(row[LEFT:], widths[LEFT:], strict=True)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    @property
    def headline(self) -> str:
        return f"value {self.value:.6g}, gradient {self.gradient_norm:.4g}, on a batch of {shapes(self.batch)}"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as one page of HTML, which needs no other file: each layer unfolds to its equations."""
        from backprop_jax.harvest.walkthrough.page import page

        Path(path).write_text(page(self), encoding="utf-8")


def worst(parameters: tuple[ParameterExplanation, ...]) -> float | None:
    found = [own.from_jax_grad for own in parameters if own.from_jax_grad is not None]
    return float(np.max(found)) if found else None


def rows(explanation: Explanation) -> list[tuple[str, ...]]:
    """The table's, in the order of COLUMNS."""
    of_layers = [_row(layer) for layer in explanation.layers]
    count = sum(math.prod(own.shape) for layer in explanation.layers for own in layer.parameters)
    norm, off = number(explanation.gradient_norm), difference(explanation.from_jax_grad)
    return [*of_layers, ("total", "", "", f"{count:,}", f"{explanation.residual_bytes:,}", "", "", norm, off)]


def _row(layer: LayerExplanation) -> tuple[str, ...]:
    count = sum(math.prod(own.shape) for own in layer.parameters)
    return (
        layer.path or ".",
        type(layer.layer).__name__,
        "" if layer.output is None else shapes(layer.output),
        f"{count:,}",
        f"{layer.residual_bytes:,}",
        flow_norm(layer.activation),
        flow_norm(layer.cotangent),
        number(layer.gradient_norm),
        difference(layer.from_jax_grad),
    )


def flow_norm(flow: FlowStatistics | None) -> str:
    return "" if flow is None or not np.any(flow.values) else number(flow.norm)


def number(value: Any) -> str:
    """A number, or of several the least and the largest; nothing for None."""
    if value is None or not np.size(value):
        return ""
    low, high = f"{np.min(value):.3g}", f"{np.max(value):.3g}"
    return low if low == high else f"{low}..{high}"


def difference(value: float | None) -> str:
    return "" if value is None else f"{value:.0e}" if value else "0"


def shapes(tree: PyTree) -> str:
    """Of the tree's arrays."""
    return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree))
