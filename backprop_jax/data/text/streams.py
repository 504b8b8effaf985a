"""Mini-batches of one long text, for back-propagation through time that is cut off."""

from collections.abc import Iterator

import numpy as np

from backprop_jax.core.whole_number import whole_number

__all__ = ["stream_batches"]


def stream_batches(tokens: np.ndarray, size: int, steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A long text as `size` texts read side by side, `steps` tokens at a time: pairs of inputs and targets.

        row b of batch n:   inputs = tokens[s : s + T],   targets = tokens[s + 1 : s + 1 + T],   s = (b K + n) T

    with K the number of batches and T = steps. So row b of a batch goes on where row b of the batch before it ended:
    a state that is carried along fits, as with `LSTM(features, carry="state")`. All batches have one shape; up to
    size · steps tokens at the end, too few for another, are left out. With `size` 1 they are all of a text but for
    less than `steps`, for evaluation.

    Shapes:   tokens (N,) integers -> inputs (size, steps) int32, targets (size, steps) int32.
    Raises:   ValueError, at the call, if size or steps is less than one, tokens is no vector of integers, or there are
              fewer than size · steps + 1.
    """
    tokens = np.asarray(tokens)
    if whole_number(size, least=1) is None or whole_number(steps, least=1) is None:
        raise ValueError(f"a batch needs at least one row and one step, not {size} and {steps}")
    if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(f"a stream needs a vector of integers, not {tokens.dtype} of shape {tokens.shape}")
    count = (len(tokens) - 1) // (size * steps)
    if count < 1:
        raise ValueError(
            f"a text of {len(tokens)} tokens is too short for {size} rows of {steps} steps, which take "
            f"{size * steps + 1}: choose fewer rows or steps"
        )
    used = count * size * steps
    inputs, targets = (tokens[begin : begin + used].reshape(size, -1) for begin in (0, 1))
    columns = (slice(begin, begin + steps) for begin in range(0, count * steps, steps))
    # astype copies: in views a change to the targets would change the inputs.
    return ((inputs[:, chosen].astype(np.int32), targets[:, chosen].astype(np.int32)) for chosen in columns)
