"""The loop over a cell whose products with x and whose weight gradients are not in it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.recurrent.steps import How, carry_before, choose, swap_steps, zeros_where_not
from backprop_jax.core.cotangents import cast_like, widen
from backprop_jax.core.example_gradients import summed
from backprop_jax.core.layer import PyTree
from backprop_jax.layers.recurrent.cell import HoistedCell

__all__ = ["Hoisted", "backward", "backward_per_example", "forward"]


class Hoisted(NamedTuple):
    x: PyTree  # (B, T, ...), as the layer before has it
    y: PyTree  # (B, T, ...), as the layer behind has it
    start: PyTree
    saved: PyTree  # (T, B, ...)


def forward(cell: HoistedCell, params: PyTree, start: PyTree, x: PyTree, how: How) -> tuple[PyTree, PyTree, Hoisted]:
    """The carry after the last step, y, and what `backward` needs."""

    z = cell.project(params, zeros_where_not(how.mask, swap_steps(x)))
    one = jax.ShapeDtypeStruct(z.shape[1:], z.dtype)
    like, structure = jax.tree.flatten(jax.eval_shape(cell.advance, params, start, one)[2])
    # What is saved in the form of z, mostly the gates, is written over it.
    place = next((place for place, leaf in enumerate(like) if (leaf.shape, leaf.dtype) == (one.shape, one.dtype)), None)

    def step(loop: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
        (carry, z), (number, real) = loop, slices
        after, y, saved = cell.advance(params, carry, lax.dynamic_index_in_dim(z, number, 0, keepdims=False))
        leaves = jax.tree.leaves(saved)
        if place is not None:
            z = lax.dynamic_update_index_in_dim(z, leaves.pop(place), number, 0)
        return (choose(real, after, carry), z), (zeros_where_not(real, y), leaves)

    slices = jnp.arange(len(z)), how.mask
    (last, z), (y, leaves) = lax.scan(step, (start, z), slices, reverse=how.reverse, unroll=how.unroll)
    if place is not None:
        leaves.insert(place, z)
    saved = structure.unflatten(leaves)
    y = swap_steps(y)
    return last, y, Hoisted(x, y, start, saved)


def backward(
    cell: HoistedCell,
    params: PyTree,
    residuals: Hoisted,
    dlast: PyTree,
    dy: PyTree,
    how: How,
) -> tuple[PyTree, PyTree, PyTree]:
    """The cotangents of the parameters, of the carry before the first step, and of x."""
    dstart, around = _retreat(cell, params, residuals, dlast, dy, how)
    dparams, dx = cell.collect(params, *around)
    return summed(dparams), dstart, cast_like(swap_steps(dx), residuals.x)


def backward_per_example(
    cell: HoistedCell,
    params: PyTree,
    residuals: Hoisted,
    dlast: PyTree,
    dy: PyTree,
    how: How,
) -> tuple[PyTree, PyTree, PyTree]:
    """`backward` with `ExampleGradients` of the parameters."""
    dstart, around = _retreat(cell, params, residuals, dlast, dy, how)
    dparams, dx = cell.collect(params, *swap_steps(around))
    return dparams, dstart, cast_like(dx, residuals.x)


def _retreat(
    cell: HoistedCell,
    params: PyTree,
    residuals: Hoisted,
    dlast: PyTree,
    dy: PyTree,
    how: How,
) -> tuple[PyTree, tuple[PyTree, ...]]:
    """The cotangent of the carry before the first step, and what `collect` is given beside params, (T, B, ...)."""
    _, y, start, saved = residuals
    after = cell.carries(swap_steps(y), saved)
    before = carry_before(start, after, how.mask, how.reverse)

    def step(dcarry: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
        saved, before, after, dy, real = slices
        dafter, dy = zeros_where_not(real, dcarry), zeros_where_not(real, dy)
        dbefore, steps = cell.retreat(params, saved, before, after, dafter, dy)
        return choose(real, cast_like(dbefore, dcarry), dcarry), steps

    slices = saved, before, after, swap_steps(dy), how.mask
    # What is added up over all steps is so in at least float32.
    dlast = widen(dlast)
    dstart, steps = lax.scan(step, dlast, slices, reverse=not how.reverse, unroll=how.unroll)
    x = zeros_where_not(how.mask, swap_steps(residuals.x))
    return cast_like(dstart, start), (saved, x, before, after, steps)
