"""GaLore: run a transform on gradients that are projected to fewer dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.optim.combining import require_transform, update_with_extra
from backprop_jax.optim.directions.adaptive_moments import scale_by_adam
from backprop_jax.optim.directions.matrix_axes import MatrixAxes, is_entry, matrix_axes, numbers_by_leaf
from backprop_jax.optim.hyperparameters import Scalar, hash_of, require_positive
from backprop_jax.optim.leafwise import PyTree, align, is_none, unzip, widen
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform


class GaLoreDimensionNumbers(NamedTuple):
    """Which axes of a weight are the rows of its matrix, and which the columns: v @ x takes v along the rows.

    Every axis must be in one of the two.
    """

    reduction_axis: Sequence[int] | int = 0
    output_axis: Sequence[int] | int = 1


NumbersOrFunction = GaLoreDimensionNumbers | PyTree | Callable[[PyTree], PyTree]


class GaLoreState(NamedTuple):
    """Steps taken, the state of the transform inside, and the projectors: (0, 0) for a leaf that is not projected."""

    count: jax.Array
    base_optimizer_state: PyTree
    projector: PyTree


@dataclass(frozen=True)
class scale_by_galore(Transform):
    """Hand `base_optimizer` the part of each gradient matrix that lies in its main directions, and take its step there.

        every update_proj_gap steps:  g = U S Vᴴ,   p <- the first `rank` columns of U (M >= N) or of V (M < N)
        M >= N:  u = scale p base(pᴴ g)         M < N:  u = scale base(g p) pᴴ

    for g of shape (M, N). What is no matrix goes through the base as it is. `weight_dimension_numbers` says which axes
    make a matrix: one `GaLoreDimensionNumbers` for all parameters of two axes or more, or a tree of them with the
    structure of the parameters or a prefix of it, with None for what is not to be projected, or a function from
    the updates to such a tree. By default matrices alone are projected.
    `base_optimizer` is `scale_by_adam()` if it is None. It is given no parameters.

    State:  `GaLoreState(count, base_optimizer_state, projector)`: count int32; the base's state for leaves of the
            shapes of the projected gradients; p of shape (max(M, N), min(rank, M, N)), in the parameter's dtype.
    Raises: TypeError if rank is no int or the base no transform; ValueError if rank or update_proj_gap is not above
            0, or dimension numbers do not fit; at update if updates and state differ in structure.
    Source: Zhao et al., 2024, arXiv:2403.03507, algorithm 2.
    """

    rank: int = 128
    update_proj_gap: int = 200
    scale: Scalar = 1.0
    base_optimizer: Any = None
    weight_dimension_numbers: NumbersOrFunction | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.rank, int):
            raise TypeError(f"scale_by_galore: rank must be an int, got {self.rank!r}; it is the length of an axis")
        require_positive(self, "rank", "128 is usual: the directions that are kept")
        require_positive(self, "update_proj_gap", "200 is usual: the steps from one projection to the next")
        if self.base_optimizer is not None:
            require_transform(self.base_optimizer, "scale_by_galore: base_optimizer")

    def __hash__(self) -> int:
        return hash_of(*vars(self).values())

    def init(self, params: PyTree) -> GaLoreState:
        leaves, structure = jax.tree.flatten(params, is_leaf=is_none)
        projectors, projected = [], []
        for leaf, axes in zip(leaves, self._axes_by_leaf(params), strict=True):
            if axes is not None:
                high, low = self._shapes(*axes.matrix_shape(leaf.shape))
                projectors.append(jnp.zeros(high, leaf.dtype))
                projected.append(jnp.zeros(low, leaf.dtype))
            else:
                projectors.append(leaf if leaf is None else jnp.zeros((0, 0), jnp.result_type(leaf)))
                projected.append(leaf)
        base_state = self._base.init(structure.unflatten(projected))
        return GaLoreState(first_count(), base_state, structure.unflatten(projectors))

    def update(
        self, updates: PyTree, state: GaLoreState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, GaLoreState]:
        structure, rows = align(updates, [("projector", state.projector)], frozenset({"projector"}))
        axes = self._axes_by_leaf(updates)
        is_due = state.count % self.update_proj_gap == 0
        rows = [row if own is None else _project(*row, own, is_due) for row, own in zip(rows, axes, strict=True)]
        projected, projector = unzip(structure, rows, 1)
        projected, base_state = update_with_extra(self._base, projected, state.base_optimizer_state, None, extra)
        state = state._replace(count=safe_increment(state.count), base_optimizer_state=base_state, projector=projector)
        steps = structure.flatten_up_to(projected)
        gradients, projectors = structure.flatten_up_to(updates), structure.flatten_up_to(projector)
        return structure.unflatten(
            step if own is None else _lift(step, projector, own, gradient.shape, self.scale).astype(gradient.dtype)
            for step, gradient, projector, own in zip(steps, gradients, projectors, axes, strict=True)
        ), state

    @property
    def _base(self) -> Any:
        return scale_by_adam() if self.base_optimizer is None else self.base_optimizer

    def _shapes(self, rows: int, columns: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of the projector and of what it makes of a matrix."""
        rank = min(self.rank, rows, columns)
        return ((rows, rank), (rank, columns)) if rows >= columns else ((columns, rank), (rows, rank))

    def _axes_by_leaf(self, tree: PyTree) -> list[MatrixAxes | None]:
        """The matrix axes of every leaf of the tree, None leaves included; None for what is not projected."""
        numbers = self.weight_dimension_numbers
        axes_by_leaf = []
        for name, leaf, own in numbers_by_leaf(numbers, tree):
            if numbers is None and np.ndim(leaf) == 2:
                own = GaLoreDimensionNumbers()
            if leaf is None or own is None or (is_entry(numbers) and np.ndim(leaf) < 2):
                axes_by_leaf.append(None)
                continue
            axes = matrix_axes(np.shape(leaf), own, f"scale_by_galore: the parameter at {name}")
            if axes.stack:
                raise ValueError(
                    f"scale_by_galore: the parameter at {name} has shape {np.shape(leaf)}, and {own} leaves out axes "
                    f"{axes.stack}; name every axis"
                )
            axes_by_leaf.append(axes)
        return axes_by_leaf


def _project(
    gradient: jax.Array, projector: jax.Array, axes: MatrixAxes, is_due: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The gradient in the projector's directions, and the projector, a new one if it `is_due`."""
    matrix = axes.to_matrices(widen(gradient))
    is_tall = matrix.shape[0] >= matrix.shape[1]

    def main_directions() -> jax.Array:
        u, _, vh = jnp.linalg.svd(matrix, full_matrices=False)
        return (u if is_tall else vh.mT.conj())[:, : projector.shape[1]].astype(projector.dtype)

    projector = lax.cond(is_due, main_directions, lambda: projector)
    wide = widen(projector)
    return (wide.mT.conj() @ matrix if is_tall else matrix @ wide).astype(gradient.dtype), projector


def _lift(step: jax.Array, projector: jax.Array, axes: MatrixAxes, shape: tuple[int, ...], scale: Scalar) -> jax.Array:
    """The step in the weight's own directions."""
    rows, columns = axes.matrix_shape(shape)
    step, projector = widen(step), widen(projector)
    matrix = projector @ step if rows >= columns else step @ projector.mT.conj()
    return axes.from_matrices(scale * matrix, shape)
