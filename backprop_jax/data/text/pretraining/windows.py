"""Mini-batches of one long text, drawn at random."""

from collections.abc import Iterator

import numpy as np

from backprop_jax.core.whole_number import whole_number

__all__ = ["random_windows"]


def random_windows(
    tokens: np.ndarray, size: int, steps: int, seed: int | tuple[int, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pieces of a long text, from anywhere in it: pairs of inputs and targets, without end.

        row of a batch:   inputs = tokens[s : s + T],   targets = tokens[s + 1 : s + 1 + T],   s random, T = steps

    Every s that leaves room is as likely. The batches depend on the seed alone, such as `(seed, epoch)`. Only the
    tokens of a batch are read, so that a text on disk, by `read_tokens`, may be larger than the memory.

    Shapes:   tokens (N,) integers -> inputs (size, steps) int32, targets (size, steps) int32.
    Raises:   ValueError, at the call, if size or steps is less than one, tokens is no vector of integers, or there are
              fewer than steps + 1.
    """
    tokens = np.asarray(tokens)  # a view of a file stays one
    if whole_number(size, least=1) is None or whole_number(steps, least=1) is None:
        raise ValueError(f"a batch needs at least one row and one step, not {size} and {steps}")
    if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(f"windows need a vector of integers, not {tokens.dtype} of shape {tokens.shape}")
    if len(tokens) <= steps:
        raise ValueError(f"a text of {len(tokens)} tokens is too short for {steps} steps, which take {steps + 1}")
    return _windows(tokens, size, steps, np.random.default_rng(seed))


def _windows(
    tokens: np.ndarray, size: int, steps: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        begins = rng.integers(len(tokens) - steps, size=size)
        windows = np.stack([tokens[begin : begin + steps + 1] for begin in begins])
        # astype copies: in views a change to the targets would change the inputs.
        yield windows[:, :-1].astype(np.int32), windows[:, 1:].astype(np.int32)
