"""Several texts in one row, so that little of a batch is padding."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.text.buckets import IGNORED, token_row

__all__ = ["PackedTokens", "next_tokens", "pack_sequences"]


class PackedTokens(NamedTuple):
    """Rows of texts, and which text each token is of; `bp.Packed(*packed)` fits.

    Shapes:   tokens (N, T) int32, 0 where there is none; segments (N, T) int32, 1, 2, ... in each row, 0 for no token.
    """

    tokens: np.ndarray
    segments: np.ndarray

    @property
    def padding(self) -> float:
        """The share of places without a token."""
        return float(np.mean(self.segments == 0))


def pack_sequences(sequences: Sequence[np.ndarray | Sequence[int]] | np.ndarray, length: int) -> PackedTokens:
    """Texts side by side in rows of `length`, each whole in the fullest row that has room for it.

    They are taken in their order, and the same texts give the same rows. A text longer than `length` is cut into
    pieces of `length`, the last one shorter, and each piece is a segment of its own. An empty text takes no place.

    Shapes:   sequences, each (length,) -> tokens, segments (N, length).
    Raises:   ValueError if length is less than 1, if there are no tokens, and, naming it, if a sequence is no vector
              of integers.
    """
    if whole_number(length, least=1) is None:
        raise ValueError(f"a row needs at least one place, not {length}")
    texts = [token_row(f"sequence {number}", sequence) for number, sequence in enumerate(sequences)]
    pieces = [text[begin : begin + length] for text in texts for begin in range(0, len(text), length)]
    if not pieces:
        raise ValueError("there are no tokens to pack")
    rows: list[list[np.ndarray]] = []
    rooms: list[tuple[int, int]] = []  # of each row that is not full, sorted: its room, its number
    for piece in pieces:
        place = bisect_left(rooms, (len(piece), 0))
        room, row = rooms.pop(place) if place < len(rooms) else (length, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(piece)
        if room > len(piece):
            insort(rooms, (room - len(piece), row))
    packed = PackedTokens(*np.zeros((2, len(rows), length), np.int32))
    for tokens, segments, members in zip(*packed, rows, strict=True):
        filled = np.concatenate(members)
        tokens[: len(filled)] = filled
        segments[: len(filled)] = np.repeat(np.arange(1, len(members) + 1), [len(member) for member in members])
    return packed


def next_tokens(tokens: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """What to predict from each token: the next one of the same segment, and -1, which losses ignore, at its end.

    Shapes:   tokens, segments (..., T) -> (..., T) int32.
    Raises:   ValueError if the two differ in shape.
    """
    tokens, segments = np.asarray(tokens), np.asarray(segments)
    if tokens.shape != segments.shape or tokens.ndim == 0:
        raise ValueError(
            f"each token needs one segment, but tokens are of shape {tokens.shape} and segments of {segments.shape}"
        )
    targets = np.full(tokens.shape, IGNORED, np.int32)
    goes_on = (segments[..., 1:] == segments[..., :-1]) & (segments[..., 1:] != 0)
    targets[..., :-1][goes_on] = tokens[..., 1:][goes_on]
    return targets
