"""The loop over a cell whose products with x and whose weight gradients are not in it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.recurrent.steps import carry_before, choose, swap_steps, zeros_where_not
from backprop_jax.core.cotangents import cast_like
from backprop_jax.core.layer import PyTree
from backprop_jax.layers.recurrent.cell import HoistedCell

__all__ = ["backward", "forward"]


class Hoisted(NamedTuple):
    x: PyTree  # (B, T, ...), as the layer before has it
    y: PyTree  # (B, T, ...), as the layer behind has it
    start: PyTree
    saved: PyTree  # (T, B, ...)


def forward(
    cell: HoistedCell, params: PyTree, start: PyTree, x: PyTree, mask: jax.Array | None, reverse: bool, unroll: int
) -> tuple[PyTree, PyTree, Hoisted]:
    """The carry after the last step, y, and what `backward` needs."""

    def step(carry: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
        z, real = slices
        after, y, saved = cell.advance(params, carry, z)
        return choose(real, after, carry), (zeros_where_not(real, y), saved)

    z = cell.project(params, zeros_where_not(mask, swap_steps(x)))
    last, (y, saved) = lax.scan(step, start, (z, mask), reverse=reverse, unroll=unroll)
    y = swap_steps(y)
    return last, y, Hoisted(x, y, start, saved)


def backward(
    cell: HoistedCell,
    params: PyTree,
    residuals: Hoisted,
    dlast: PyTree,
    dy: PyTree,
    mask: jax.Array | None,
    reverse: bool,
    unroll: int,
) -> tuple[PyTree, PyTree, PyTree]:
    """The cotangents of the parameters, of the carry before the first step, and of x."""
    _, y, start, saved = residuals
    after = cell.carries(swap_steps(y), saved)
    before = carry_before(start, after, mask, reverse)

    def step(dcarry: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
        saved, before, after, dy, real = slices
        dafter, dy = zeros_where_not(real, dcarry), zeros_where_not(real, dy)
        dbefore, steps = cell.retreat(params, saved, before, after, dafter, dy)
        return choose(real, cast_like(dbefore, dcarry), dcarry), steps

    slices = saved, before, after, swap_steps(dy), mask
    # What is added up over all steps is so in at least float32.
    dlast = jax.tree.map(lambda leaf: leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)), dlast)
    dstart, steps = lax.scan(step, dlast, slices, reverse=not reverse, unroll=unroll)
    x = zeros_where_not(mask, swap_steps(residuals.x))
    dparams, dx = cell.collect(params, saved, x, before, after, steps)
    return cast_like(dparams, params), cast_like(dstart, start), cast_like(swap_steps(dx), residuals.x)
