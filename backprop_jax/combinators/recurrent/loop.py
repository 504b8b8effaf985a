"""The loop over a cell: with its products outside where it offers its rule in parts, else by its own rule."""

from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.combinators.recurrent import hoisted, stepwise
from backprop_jax.combinators.recurrent.steps import How
from backprop_jax.core.example_gradients import Each
from backprop_jax.core.layer import PyTree
from backprop_jax.layers.recurrent.cell import Cell, HoistedCell

__all__ = ["backward", "backward_per_example", "forward"]


def forward(
    cell: Cell,
    params: PyTree,
    state: PyTree,
    start: PyTree,
    x: PyTree,
    how: How,
) -> tuple[PyTree, PyTree, PyTree, PyTree]:
    """The carry after the last step, y, the cell's new state, and what `backward` needs."""
    # Of no steps nothing can be taken out of the loop.
    if isinstance(cell, HoistedCell) and jax.tree.leaves(x)[0].shape[1] > 0:
        last, y, saved = hoisted.forward(cell, params, start, x, how)
        return last, y, state, saved
    return stepwise.forward(cell, params, state, start, x, how)


def backward(
    cell: Any,  # whichever the residuals are of
    params: PyTree,
    residuals: PyTree,
    dlast: PyTree,
    dy: PyTree,
    how: How,
) -> tuple[PyTree, PyTree, PyTree]:
    """The cotangents of the parameters, of the carry before the first step, and of x."""
    if isinstance(residuals, hoisted.Hoisted):
        return hoisted.backward(cell, params, residuals, dlast, dy, how)
    return stepwise.backward(cell, params, residuals, dlast, dy, how)


def backward_per_example(
    cell: HoistedCell,
    params: PyTree,
    residuals: PyTree,
    dlast: PyTree,
    dy: PyTree,
    how: How,
) -> tuple[PyTree, PyTree, PyTree]:
    """`backward` with `ExampleGradients` of the parameters."""
    if isinstance(residuals, hoisted.Hoisted):
        return hoisted.backward_per_example(cell, params, residuals, dlast, dy, how)
    # Of no steps: zeros.
    dparams, dstart, dx = stepwise.backward(cell, params, residuals, dlast, dy, how)
    batch = jax.tree.leaves(dy)[0].shape[0]
    each = jax.tree.map(lambda leaf: Each.of(jnp.zeros((batch, *leaf.shape), leaf.dtype), leaf.dtype), dparams)
    return each, dstart, dx
