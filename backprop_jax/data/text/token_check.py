"""Tokens, checked before they meet a network."""

from collections.abc import Sequence

import numpy as np

__all__ = ["check_tokens", "token_vector"]


def check_tokens(tokens: np.ndarray | Sequence[int], size: int) -> np.ndarray:
    """Tokens of a vocabulary of `size`, as they came but int32. A compiled network cannot say that one is unknown.

    Shapes:   any.
    Raises:   TypeError if they are no integers; ValueError, naming the first, if one is below 0, or `size` or more.
    """
    tokens = np.asarray(tokens)
    if tokens.size == 0:
        return tokens.astype(np.int32)
    if not np.issubdtype(tokens.dtype, np.integer):
        raise TypeError(f"tokens must be integers, not {tokens.dtype}")
    unknown = (tokens < 0) | (tokens >= size)
    if unknown.any():
        place = tuple(int(i) for i in np.unravel_index(np.argmax(unknown), tokens.shape))
        raise ValueError(f"token {tokens[place]} at {list(place)} is not in the vocabulary of 0 to {size - 1}")
    return tokens.astype(np.int32)


def token_vector(tokens: np.ndarray | Sequence[int], size: int) -> np.ndarray:
    """The tokens of one text (T,), checked.

    Raises:   ValueError for another number of axes; and as `check_tokens`.
    """
    tokens = check_tokens(tokens, size)
    if tokens.ndim != 1:
        raise ValueError(f"the tokens of a text are a vector, not an array of shape {tokens.shape}: give one row")
    return tokens
