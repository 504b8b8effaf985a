"""Several short sequences in one row."""

from typing import NamedTuple

import jax

__all__ = ["Packed"]


class Packed(NamedTuple):
    """Rows that hold several sequences side by side, and which of them each step belongs to.

    `segments` numbers the sequences of a row 1, 2, ...; 0 marks the steps that fill it up. Attention looks at steps of
    the same segment only, and positions count from where a segment begins.
    """

    x: jax.Array  # (B, T, ...)
    segments: jax.Array | None  # (B, T) integer; None in a cotangent, for they have none
