"""The loop in chunks of steps: the carry between chunks is saved, and what is within them computed again."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.combinators.recurrent import loop
from backprop_jax.core.cotangents import add, cast_like, instantiate
from backprop_jax.core.layer import PyTree
from backprop_jax.core.ordering import in_order
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
    mask: jax.Array | None,
    reverse: bool,
    unroll: int,
    steps: int,
) -> tuple[PyTree, PyTree, PyTree, InChunks]:
    """`loop.forward`, with the residuals of no chunk kept."""

    def chunk(length: int, before: PyTree, first: jax.Array) -> tuple[PyTree, PyTree]:
        carry, state = before
        part = _cut(x, mask, first, length)
        last, y, state, _ = loop.forward(cell, params, state, carry, *part, reverse, unroll)
        return (last, state), (y, before)

    after, columns = (start, state), []
    for length, firsts in _runs(x, steps, reverse):
        after, column = lax.scan(partial(chunk, length), after, firsts, reverse=reverse)
        columns.append(column)
    last, state = after
    return last, _in_a_row([y for y, _ in columns], reverse), state, InChunks(x, [before for _, before in columns])


def backward(
    cell: Cell,
    params: PyTree,
    residuals: InChunks,
    dlast: PyTree,
    dy: PyTree,
    mask: jax.Array | None,
    reverse: bool,
    unroll: int,
    steps: int,
) -> tuple[PyTree, PyTree, PyTree]:
    """`loop.backward`, chunk by chunk, each run forward again."""
    x, before = residuals

    def chunk(length: int, sums: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
        (dlast, total), (first, before) = sums, slices
        arriving = dlast, _cut(dy, None, first, length)[0]
        # A loop of one trip is no loop to XLA: as in `remat` it would keep the first result instead of recomputing it.
        arriving, ((carry, state), part) = in_order(arriving, (before, _cut(x, mask, first, length)))
        x_part, *how = *part, reverse, unroll
        _, _, _, saved = loop.forward(cell, params, state, carry, x_part, *how)
        dparams, dstart, dx = loop.backward(cell, params, saved, *arriving, *how)
        return (dstart, add(total, dparams)), dx

    zeros = instantiate(None, params)
    # Of many terms the sum is in at least float32.
    zeros = jax.tree.map(lambda leaf: leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)), zeros)
    sums, columns = (dlast, zeros), []
    for (length, firsts), carries in reversed(list(zip(_runs(x, steps, reverse), before, strict=True))):
        sums, dx = lax.scan(partial(chunk, length), sums, (firsts, carries), reverse=not reverse)
        columns.append(dx)
    dstart, dparams = sums
    return cast_like(dparams, params), dstart, _in_a_row(columns, not reverse)


def _runs(x: PyTree, steps: int, reverse: bool) -> list[tuple[int, np.ndarray]]:
    """The chunks of one length, with that length and where each of them begins; in the order in which they are read."""
    total = jax.tree.leaves(x)[0].shape[1]
    whole, rest = divmod(total, steps)
    runs = [(steps, steps * np.arange(whole))] if whole else []
    if rest or not whole:
        runs.append((rest, np.array([whole * steps])))
    return runs[::-1] if reverse else runs


def _cut(x: PyTree, mask: jax.Array | None, first: jax.Array, length: int) -> tuple[PyTree, jax.Array | None]:
    """The steps of one chunk: of sequences (B, T, ...), and of a mask (T, B)."""
    cut = partial(lax.dynamic_slice_in_dim, start_index=first, slice_size=length)
    return jax.tree.map(partial(cut, axis=1), x), None if mask is None else cut(mask, axis=0)


def _in_a_row(columns: list[PyTree], backwards: bool) -> PyTree:
    """Chunks (chunks, B, length, ...) of each run -> (B, T, ...)."""

    def join(*parts: jax.Array) -> jax.Array:
        rows = [
            jnp.moveaxis(part, 0, 1).reshape(part.shape[1], part.shape[0] * part.shape[2], *part.shape[3:])
            for part in parts
        ]
        return rows[0] if len(rows) == 1 else jnp.concatenate(rows, 1)

    return jax.tree.map(join, *(columns[::-1] if backwards else columns))
