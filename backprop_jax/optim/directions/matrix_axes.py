"""Which axes of a weight make up its matrix, and the weight as a stack of such matrices.

Any object with `reduction_axis` and `output_axis`, each an axis or several, serves as dimension numbers: those axes
together are the matrix's rows and its columns. A matrix x of them is applied as v @ x. The axes left over are a stack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.leafwise import PyTree, is_none
from backprop_jax.optim.prefix_trees import is_function


class MatrixAxes(NamedTuple):
    """The axes of a weight, as non-negative numbers."""

    stack: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    def matrix_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return math.prod(shape[axis] for axis in self.rows), math.prod(shape[axis] for axis in self.columns)

    def to_matrices(self, x: jax.Array) -> jax.Array:
        stack = (x.shape[axis] for axis in self.stack)
        return x.transpose(self._order).reshape(*stack, *self.matrix_shape(x.shape))

    def from_matrices(self, matrices: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """The weight of this shape that `to_matrices` makes `matrices` of."""
        order = self._order
        return matrices.reshape([shape[axis] for axis in order]).transpose(
            [order.index(axis) for axis in range(len(order))]
        )

    @property
    def _order(self) -> tuple[int, ...]:
        return self.stack + self.rows + self.columns


def matrix_axes(shape: tuple[int, ...], numbers: Any, where: str) -> MatrixAxes:
    """The axes that dimension numbers name in a weight of this shape.

    Raises ValueError, naming the weight by `where`, if the weight is no matrix or the numbers do not fit it.
    """
    rows, columns = (
        (axes,) if isinstance(axes, int) else tuple(axes) for axes in (numbers.reduction_axis, numbers.output_axis)
    )
    ndim = len(shape)
    if ndim < 2 or not all(-ndim <= axis < ndim for axis in rows + columns):
        raise ValueError(f"{where} has shape {shape}, which has not the axes of {numbers}; give others, or None for it")
    rows, columns = (tuple(axis % ndim for axis in axes) for axes in (rows, columns))
    if len({*rows, *columns}) < len(rows + columns):
        raise ValueError(f"{where} has shape {shape}, of which {numbers} names an axis twice; name each once at most")
    return MatrixAxes(tuple(axis for axis in range(ndim) if axis not in rows + columns), rows, columns)


def numbers_by_leaf(numbers: PyTree, tree: PyTree) -> list[tuple[str, Any, Any]]:
    """For every leaf of `tree`, None leaves included: its name, itself, and its dimension numbers or None.

    `numbers` has the structure of `tree` or of a prefix of it, or is a function from `tree` to such a thing.
    Raises ValueError if it does not fit.
    """
    named = jax.tree_util.tree_leaves_with_path(tree, is_leaf=is_none)
    structure = jax.tree.structure(tree, is_leaf=is_none)
    if not named:
        return []
    if is_function(numbers):
        numbers = numbers(tree)
    try:
        found = structure.flatten_up_to(numbers)
    except ValueError:
        found = _spread(numbers, tree, structure)
    wrong = [own for (_, leaf), own in zip(named, found, strict=True) if leaf is not None and not is_entry(own)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is neither dimension numbers nor None")
    return [
        (jax.tree_util.keystr(path) or "the root", leaf, own) for (path, leaf), own in zip(named, found, strict=True)
    ]


def _spread(numbers: PyTree, tree: PyTree, structure: Any) -> Sequence[Any]:
    try:
        whole = jax.tree.map(
            lambda own, part: jax.tree.map(lambda _: own, part, is_leaf=is_none), numbers, tree, is_leaf=is_entry
        )
        return structure.flatten_up_to(whole)
    except ValueError as error:
        raise ValueError(
            f"dimension numbers {numbers!r} do not fit; give some, or None, for every leaf or whole subtrees: {error}"
        ) from None


def is_entry(node: Any) -> bool:
    """Whether this is what stands at one leaf: dimension numbers or None."""
    return node is None or (hasattr(node, "reduction_axis") and hasattr(node, "output_axis"))
