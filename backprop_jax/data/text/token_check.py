"""Tokens, checked before they meet a network."""

from collections.abc import Sequence

import numpy as np

__all__ = ["check_tokens", "require_tokens", "token_vector"]

PIECE = 2**20  # tokens looked at together


def check_tokens(tokens: np.ndarray | Sequence[int], size: int) -> np.ndarray:
    """Tokens of a vocabulary of `size`, as they came but int32. A compiled network cannot say that one is unknown.

    Shapes:   any.
    Raises:   TypeError if they are no integers; ValueError, naming the first, if one is below 0, or `size` or more.
    """
    tokens = np.asarray(tokens)
    require_tokens(tokens, size)
    return tokens.astype(np.int32)


def require_tokens(tokens: np.ndarray, size: int) -> None:
    """What `check_tokens` raises, piece by piece: the tokens may be a file's that is larger than the memory."""
    if tokens.size == 0:
        return
    if not np.issubdtype(tokens.dtype, np.integer):
        raise TypeError(f"tokens must be integers, not {tokens.dtype}")
    row = tokens.reshape(-1)
    for begin in range(0, row.size, PIECE):
        piece = row[begin : begin + PIECE]
        unknown = (piece < 0) | (piece >= size)
        if unknown.any():
            first = begin + int(np.argmax(unknown))
            place = [int(i) for i in np.unravel_index(first, tokens.shape)]
            raise ValueError(f"token {row[first]} at {place} is not in the vocabulary of 0 to {size - 1}")


def token_vector(tokens: np.ndarray | Sequence[int], size: int) -> np.ndarray:
    """The tokens of one text (T,), checked.

    Raises:   ValueError for another number of axes; and as `check_tokens`.
    """
    tokens = check_tokens(tokens, size)
    if tokens.ndim != 1:
        raise ValueError(f"the tokens of a text are a vector, not an array of shape {tokens.shape}: give one row")
    return tokens
