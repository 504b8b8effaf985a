"""The loop in chunks of steps: the carry between chunks is saved, and what is within them computed again."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.recurrent import loop
from backprop_jax.combinators.recurrent.steps import How
from backprop_jax.core.cotangents import add, cast_like, instantiate, widen
from backprop_jax.core.layer import PyTree
from backprop_jax.core.ordering import in_order
from backprop_jax.core.varying import vary_like
from backprop_jax.layers.recurrent.cell import Cell

__all__ = ["backward", "forward"]


class InChunks(NamedTuple):
    x: PyTree  # (B, T, ...), as the layer before has it
    before: list[tuple[PyTree, PyTree]]  # for each of `_runs`: (chunks, ...) the carry and state before each chunk


def forward(
    cell: Cell,
    params: PyTree,
    state: PyTree,
    start: PyTree,
    x: PyTree,
    how: How,
    steps: int,
) -> tuple[PyTree, PyTree, PyTree, InChunks]:
    """`loop.forward`, with the residuals of no chunk kept."""

    def chunk(length: int, loop_state: PyTree, first: jax.Array) -> tuple[PyTree, PyTree]:
        (carry, state), y = loop_state
        x_part, part = _cut(x, how, first, length)
        last, y_part, new_state, _ = loop.forward(cell, params, state, carry, x_part, part)
        return ((last, new_state), _paste(y, y_part, first)), (carry, state)

    whole = jax.eval_shape(lambda: loop.forward(cell, params, state, start, x, how)[1])
    # Written in place: chunks stacked by the scan would have to be put in order by a copy.
    y = vary_like(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), whole), whole)
    after, before = ((start, state), y), []
    for length, firsts in _runs(x, steps, how.reverse):
        after, carries = lax.scan(partial(chunk, length), after, firsts, reverse=how.reverse)
        before.append(carries)
    (last, state), y = after
    return last, y, state, InChunks(x, before)


def backward(
    cell: Cell,
    params: PyTree,
    residuals: InChunks,
    dlast: PyTree,
    dy: PyTree,
    how: How,
    steps: int,
) -> tuple[PyTree, PyTree, PyTree]:
    """`loop.backward`, chunk by chunk, each run forward again."""
    x, before = residuals

    def chunk(length: int, sums: PyTree, slices: PyTree) -> tuple[PyTree, None]:
        (dlast, total, dx), (first, before) = sums, slices
        arriving = dlast, _cut(dy, how, first, length)[0]
        # A loop of one trip is no loop to XLA: as in `remat` it would keep the first result instead of recomputing it.
        x_part, how_part = _cut(x, how, first, length)
        (dlast, dy_part), ((carry, state), x_part) = in_order(arriving, (before, x_part))
        _, _, _, saved = loop.forward(cell, params, state, carry, x_part, how_part)
        dparams, dstart, dx_part = loop.backward(cell, params, saved, dlast, dy_part, how_part)
        return (dstart, add(total, dparams), _paste(dx, dx_part, first)), None

    total, dx = vary_like(instantiate(None, (params, x)), dy)
    # Of many terms the sum is in at least float32.
    total = widen(total)
    sums = dlast, total, dx
    for (length, firsts), carries in reversed(list(zip(_runs(x, steps, how.reverse), before, strict=True))):
        sums, _ = lax.scan(partial(chunk, length), sums, (firsts, carries), reverse=not how.reverse)
    dstart, dparams, dx = sums
    return cast_like(dparams, params), dstart, dx


def _runs(x: PyTree, steps: int, reverse: bool) -> list[tuple[int, jax.Array]]:
    """The chunks of one length, with that length and where each of them begins; in the order in which they are read."""
    total = jax.tree.leaves(x)[0].shape[1]
    whole, rest = divmod(total, steps)
    runs = [(steps, steps * jnp.arange(whole))] if whole else []
    if rest or not whole:
        runs.append((rest, jnp.array([whole * steps])))
    return runs[::-1] if reverse else runs


def _cut(x: PyTree, how: How, first: jax.Array, length: int) -> tuple[PyTree, How]:
    """The steps of one chunk: of sequences (B, T, ...), and of a mask (T, B)."""
    cut = partial(lax.dynamic_slice_in_dim, start_index=first, slice_size=length)
    mask = None if how.mask is None else cut(how.mask, axis=0)
    return jax.tree.map(partial(cut, axis=1), x), how._replace(mask=mask)


def _paste(sequences: PyTree, part: PyTree, first: jax.Array) -> PyTree:
    """The sequences with the steps of one chunk written into them."""
    return jax.tree.map(lambda to, leaf: lax.dynamic_update_slice_in_dim(to, leaf, first, 1), sequences, part)
