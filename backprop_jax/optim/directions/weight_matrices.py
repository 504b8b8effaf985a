"""Which parameters are matrices to Muon, and how its steps are scaled for their shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from backprop_jax.optim.directions.matrix_axes import MatrixAxes, matrix_axes, numbers_by_leaf
from backprop_jax.optim.hyperparameters import Scalar, hash_of
from backprop_jax.optim.leafwise import PyTree, RuleUse, apply_rules, is_none, multiply
from backprop_jax.optim.transform import EmptyState, Transform


class MuonDimensionNumbers(NamedTuple):
    """Which axes of a weight are the rows of its matrix, and which the columns: v @ x takes v along the rows.

    Axes in neither are a stack of matrices, each treated by itself.
    """

    reduction_axis: Sequence[int] | int = 0
    output_axis: Sequence[int] | int = 1


NumbersOrFunction = MuonDimensionNumbers | PyTree | Callable[[PyTree], PyTree]


@dataclass(frozen=True)
class muon_labels:
    """The parameters' labels for `partition`: "muon" for those with dimension numbers, "adam" for the others.

    Without `weight_dimension_numbers`, "muon" for matrices.
    """

    weight_dimension_numbers: NumbersOrFunction | None = None

    def __hash__(self) -> int:
        return hash_of(self.weight_dimension_numbers)

    def __call__(self, params: PyTree) -> PyTree:
        if self.weight_dimension_numbers is None:
            return jax.tree.map(lambda param: "muon" if np.ndim(param) == 2 else "adam", params)
        labels = [
            leaf if leaf is None else "adam" if own is None else "muon"
            for _, leaf, own in numbers_by_leaf(self.weight_dimension_numbers, params)
        ]
        return jax.tree.structure(params, is_leaf=is_none).unflatten(labels)


@dataclass(frozen=True)
class scale_by_shape(Transform):
    """Multiply the matrices of M rows and N columns that `scale_by_muon` makes by a factor for their shape.

        u = sqrt(max(1, N / M)) g,   or with consistent_rms  u = consistent_rms sqrt(max(M, N)) g

    State:  none.
    Raises: ValueError at update if a parameter is not a matrix and has no fitting dimension numbers.
    Source: Jordan et al., 2024, "Muon"; consistent_rms: Liu et al., 2025, arXiv:2502.16982, where it is 0.2.
    """

    weight_dimension_numbers: NumbersOrFunction | None = None
    consistent_rms: Scalar | None = None

    def __hash__(self) -> int:
        return hash_of(*vars(self).values())

    def init(self, params: PyTree) -> EmptyState:
        return EmptyState()

    def update(
        self, updates: PyTree, state: EmptyState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, EmptyState]:
        leaves, structure = jax.tree.flatten(updates, is_leaf=is_none)
        axes = axes_by_leaf("scale_by_shape", self.weight_dimension_numbers, updates)
        scaled = [
            leaf if own is None else apply_rules((RuleUse(multiply, 0),), (leaf,), (self._factor(leaf.shape, own),))[0]
            for leaf, own in zip(leaves, axes, strict=True)
        ]
        return structure.unflatten(scaled), state

    def _factor(self, shape: tuple[int, ...], axes: MatrixAxes) -> Scalar:
        rows, columns = axes.matrix_shape(shape)
        if self.consistent_rms is None:
            return math.sqrt(max(1.0, columns / max(rows, 1)))
        return math.sqrt(max(rows, columns)) * self.consistent_rms


def axes_by_leaf(owner: str, numbers: PyTree, updates: PyTree) -> list[MatrixAxes | None]:
    """The matrix axes of every leaf of the updates; None for a leaf that is None."""
    axes: list[MatrixAxes | None] = []
    for name, leaf, own in numbers_by_leaf(numbers, updates):
        if leaf is not None and own is None and leaf.ndim != 2:
            raise ValueError(
                f"{owner}: at {name} updates has shape {leaf.shape}, which is no matrix; give it "
                "weight_dimension_numbers or, as the recipe muon does, leave it to another transform"
            )
        where = f"{owner}: the update at {name}"
        axes.append(None if leaf is None else matrix_axes(leaf.shape, own or MuonDimensionNumbers(), where))
    return axes
