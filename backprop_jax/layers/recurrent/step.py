"""One step of a cell whose rule is written for loops."""

from typing import Any, NamedTuple

import jax

from backprop_jax.core.checks import require_components
from backprop_jax.core.cotangents import cast_like, instantiate, widen
from backprop_jax.core.example_gradients import summed
from backprop_jax.core.layer import PyTree
from backprop_jax.layers.recurrent.cell import HoistedCell, require_carry

__all__ = ["backward_of_step", "backward_of_step_per_example", "forward_of_step"]


class StepResiduals(NamedTuple):
    x: jax.Array
    before: PyTree
    y: jax.Array
    saved: PyTree


# A cell is a Layer and a HoistedCell, for which there is no type.
def forward_of_step(cell: Any, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, StepResiduals]:
    """`Layer.forward` of a cell."""
    require_components(cell, x, 2)
    before, x = x
    require_carry(cell, cell, before, x)
    after, y, saved = cell.advance(params, before, cell.project(params, x))
    return (after, y), state, StepResiduals(x, before, y, saved)


def backward_of_step(cell: HoistedCell, params: PyTree, residuals: StepResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
    """`Layer.backward` of a cell."""
    dparams, dx = backward_of_step_per_example(cell, params, residuals, dy)
    return summed(dparams), dx


def backward_of_step_per_example(
    cell: HoistedCell, params: PyTree, residuals: StepResiduals, dy: PyTree
) -> tuple[PyTree, PyTree]:
    """`backward_per_example` of a cell."""
    x, before, y, saved = residuals
    after = cell.carries(y, saved)
    dcarry, dy = instantiate(dy, (after, y))
    # As in a loop: a step is calculated in at least float32.
    dcarry = widen(dcarry)
    dbefore, steps = cell.retreat(params, saved, before, after, dcarry, dy)
    dparams, dx = cell.collect(params, saved, x, before, after, steps)
    return dparams, (cast_like(dbefore, before), cast_like(dx, x))
