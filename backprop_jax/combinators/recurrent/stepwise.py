"""The loop over any cell: its own forward and backward, step by step."""

from typing import Any, NamedTuple

import jax
from jax import lax

from backprop_jax.combinators.recurrent.steps import How, choose, swap_steps, zeros_where_not
from backprop_jax.core.cotangents import add, cast_like, instantiate, pull, widen
from backprop_jax.core.layer import PyTree
from backprop_jax.core.static import Template
from backprop_jax.core.varying import vary_like
from backprop_jax.layers.recurrent.cell import Cell

__all__ = ["backward", "forward"]


class Stepwise(NamedTuple):
    saved: PyTree  # (T, ...)
    x: Template  # of one step


def forward(
    cell: Cell,
    params: PyTree,
    state: PyTree,
    start: PyTree,
    x: PyTree,
    how: How,
) -> tuple[PyTree, PyTree, PyTree, Stepwise]:
    """The carry after the last step, y, the cell's new state, and what `backward` needs."""
    templates = []

    def step(loop: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
        (carry, state), (x, real) = loop, slices
        templates.append(Template.of(x))
        (after, y), state, saved = cell.forward(params, state, (carry, x))
        return (choose(real, after, carry), state), (zeros_where_not(real, y), saved)

    x = zeros_where_not(how.mask, swap_steps(x))
    _require_kept_carry(cell, params, state, start, x)
    (last, state), (y, saved) = lax.scan(step, (start, state), (x, how.mask), reverse=how.reverse, unroll=how.unroll)
    return last, swap_steps(y), state, Stepwise(saved, templates[0])


def backward(
    cell: Any,  # a Layer and a Cell, for which there is no type
    params: PyTree,
    residuals: Stepwise,
    dlast: PyTree,
    dy: PyTree,
    how: How,
) -> tuple[PyTree, PyTree, PyTree]:
    """The cotangents of the parameters, of the carry before the first step, and of x."""

    def step(loop: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
        (dcarry, total), (saved, dy, real) = loop, slices
        dafter, dy = zeros_where_not(real, dcarry), zeros_where_not(real, dy)
        dparams, (dbefore, dx) = pull(cell, params, saved, (dafter, dy))
        dbefore = cast_like(instantiate(dbefore, dcarry), dcarry)
        dx = zeros_where_not(real, instantiate(dx, residuals.x.tree))
        return (choose(real, dbefore, dcarry), add(total, dparams)), dx

    start = dlast, widen(vary_like(instantiate(None, params), dy))
    slices = residuals.saved, swap_steps(dy), how.mask
    (dstart, dparams), dx = lax.scan(step, start, slices, reverse=not how.reverse, unroll=how.unroll)
    return cast_like(dparams, params), dstart, swap_steps(dx)


def _require_kept_carry(cell: Cell, params: PyTree, state: PyTree, carry: PyTree, x: PyTree) -> None:
    """ValueError unless the carry that a step hands on has the form of the one that it was given."""
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), x)
    (after, _), _, _ = jax.eval_shape(cell.forward, params, state, (carry, one))
    given, handed_on = (jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", tree) for tree in (carry, after))
    if given != handed_on:
        raise ValueError(f"{cell} was given a carry of {given} and hands on one of {handed_on}: a carry keeps its form")
