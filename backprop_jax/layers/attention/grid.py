"""What attention works on, taken apart into tiles of queries and keys."""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.layers.attention.visibility import Span, Visibility

__all__ = ["Grid", "Inputs", "Scoring", "Tile", "in_tiles"]


@dataclass(frozen=True)
class Scoring:
    """From queries and keys to probabilities: the hyper-parameters."""

    scale: float
    causal: bool
    window: int | None
    logit_softcap: float | None
    alibi: tuple[float, ...] | None  # the slope of each head
    rate: float  # of dropout
    tile: tuple[int, int]  # at most so many queries and keys


class Inputs(NamedTuple):
    q: jax.Array  # (B, G, R, T, K): R heads look at the same keys, H = G R
    k: jax.Array  # (B, G, S, K)
    v: jax.Array  # (B, G, S, K)
    data: Visibility  # its keys in the form (B, S)
    key: jax.Array | None  # of dropout


class Tile(NamedTuple):
    """One of a grid, or all of it as arrays."""

    number: Any
    row: Any
    column: Any


class Grid(NamedTuple):
    """The tiles in which any query can see any key, as far as is known when tracing."""

    shape: tuple[int, int]
    tiles: Tile
    pad: tuple[int, int]  # steps added to the queries and keys

    def spans(self, tile: Tile) -> tuple[Span, Span]:
        return Span(tile.row, self.shape[0]), Span(tile.column, self.shape[1])

    def pad_rows(self, array: jax.Array) -> jax.Array:
        return _pad(array, self.pad[0], array.ndim - 2)


def in_tiles(scoring: Scoring, inputs: Inputs) -> tuple[Inputs, Grid]:
    """The inputs, filled up to whole tiles, and the tiles."""
    lengths = inputs.q.shape[3], inputs.k.shape[2]
    (rows, t), (columns, s) = (_parts(*pair) for pair in zip(lengths, scoring.tile, strict=True))
    seen = [
        (n * t, m * s)
        for n, m in product(range(rows), range(columns))
        if _may_see(scoring, inputs.data, n * t, m * s, (t, s))
    ]
    corners = np.array(seen, np.int32).reshape(-1, 2)
    pad = rows * t - lengths[0], columns * s - lengths[1]
    tiles = Tile(np.arange(len(corners), dtype=np.int32), corners[:, 0], corners[:, 1])
    return _filled_up(inputs, pad) if any(pad) else inputs, Grid((t, s), tiles, pad)


def _parts(length: int, limit: int) -> tuple[int, int]:
    """How many parts of at most `limit` there are, as few as can be, and the size of each."""
    count = -(-length // limit)
    return count, -(-length // max(count, 1))


def _filled_up(inputs: Inputs, pad: tuple[int, int]) -> Inputs:
    q, k, v, data, key = inputs

    def both(array: jax.Array | None) -> jax.Array | None:
        return None if array is None else _pad(_pad(array, pad[0], 2), pad[1], 3)

    real = jnp.ones((1, k.shape[2]), bool) if data.keys is None else data.keys
    segments = data.segments and (_pad(data.segments[0], pad[0], 1), _pad(data.segments[1], pad[1], 1))
    data = Visibility(_pad(real, pad[1], 1), segments, both(data.mask), both(data.bias), data.start)
    return Inputs(_pad(q, pad[0], 3), _pad(k, pad[1], 2), _pad(v, pad[1], 2), data, key)


def _may_see(scoring: Scoring, data: Visibility, row: int, column: int, shape: tuple[int, int]) -> bool:
    if data.start is not None:
        return True
    last_row, last_column = row + shape[0] - 1, column + shape[1] - 1
    if scoring.causal and column > last_row:
        return False
    gap = max(column - last_row, row - last_column, 0)
    return scoring.window is None or gap < scoring.window


def _pad(array: jax.Array, count: int, axis: int) -> jax.Array:
    return jnp.pad(array, [(0, count if number == axis else 0) for number in range(array.ndim)])
