"""Mini-batches of sequences of different lengths."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backprop_jax.core.whole_number import whole_number

__all__ = ["IGNORED", "bucket_batches", "bucket_rows", "pad_rows", "token_row"]

IGNORED = -1  # the tag of what is no token; CrossEntropy(ignore_index=-1) leaves it out, and without that gives NaN
SHORTEST = 8  # the first boundary by default; fewer steps hardly take less time


def bucket_batches(
    sequences: Sequence[np.ndarray | Sequence[int]] | np.ndarray,
    y: Sequence[Any] | np.ndarray,
    size: int,
    seed: int | tuple[int, ...] | None = None,
    boundaries: Sequence[int] | None = None,
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], np.ndarray]]:
    """Sequences of about one length together, as pairs `((tokens, lengths), y)`; `bp.Padded(tokens, lengths)` fits.

    T is one of the `boundaries`, the first that is not less than the lengths: each is a shape to compile. By default
    they are 8, 16, 32 and so on, the last not beyond the longest sequence, rounded up to 8. What does not fill a batch
    goes to the next larger T, so that of all batches at most one is incomplete.

    As with `batches`: with a seed, one epoch of training, shuffled by the seed, such as `(seed, epoch)`, sequences and
    batches alike, and without the incomplete batch: at most size - 1 sequences, others in each epoch. Without a seed,
    for evaluation: by T, the incomplete batch, the last, kept with fewer rows. Row numbers as y tell what came where.

    Shapes:   sequences N times (length,), y (N,), labels, or N times (length,), tags -> tokens (size, T) int32, 0 after
              the end, lengths (size,) int32, y (size,), or (size, T) int32 with tag -1 after the end.
    Raises:   ValueError, at the call, naming the row, if a sequence is no vector of integers, is longer than the last
              boundary, or has tags of another length; if there are none, or not as many labels; if the boundaries do
              not increase from 1 or more; and as `batches` for the size.
    """
    rows = [token_row(f"sequence {row}", sequence) for row, sequence in enumerate(sequences)]
    if len(rows) != len(y):
        raise ValueError(f"each sequence needs a label, but there are {len(rows)} sequences and {len(y)} labels")
    lengths = np.array([len(row) for row in rows], np.int32)
    groups = bucket_rows(lengths, size, seed, boundaries)
    tagged = np.ndim(y[0]) > 0
    tags, labels = (_tags(y, lengths), np.array([])) if tagged else ([], np.asarray(y))

    def batch(chosen: np.ndarray, steps: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        tokens = pad_rows([rows[row] for row in chosen], steps, 0)
        told = pad_rows([tags[row] for row in chosen], steps, IGNORED) if tagged else labels[chosen]
        return (tokens, lengths[chosen]), told

    return (batch(*group) for group in groups)


def bucket_rows(
    lengths: np.ndarray, size: int, seed: int | tuple[int, ...] | None, boundaries: Sequence[int] | None
) -> list[tuple[np.ndarray, int]]:
    """The row numbers of each batch, and its T. Raises: as `bucket_batches`."""
    if not len(lengths):
        raise ValueError("there are no sequences")
    if whole_number(size, least=1) is None:
        raise ValueError(f"a batch needs at least one sequence, not {size}")
    if seed is not None and size > len(lengths):
        raise ValueError(f"a batch of {size} is larger than the data set of {len(lengths)} sequences")
    limits = _boundaries(boundaries, lengths)
    rng = None if seed is None else np.random.default_rng(seed)
    bucket = np.searchsorted(limits, lengths)
    groups, left, steps = [], np.array([], int), 0
    for number in np.unique(bucket):
        steps = int(limits[number])
        members = np.concatenate([left, np.flatnonzero(bucket == number)])
        if rng is not None:
            members = rng.permutation(members)
        end = len(members) // size * size
        groups += [(members[begin : begin + size], steps) for begin in range(0, end, size)]
        left = members[end:]
    if rng is not None:
        return [groups[number] for number in rng.permutation(len(groups))]
    return groups + ([(left, steps)] if len(left) else [])


def _boundaries(given: Sequence[int] | None, lengths: np.ndarray) -> np.ndarray:
    longest = int(lengths.max())
    if given is None:
        last = max(-(-longest // SHORTEST), 1) * SHORTEST
        doubled = SHORTEST * 2 ** np.arange(last.bit_length())
        return np.append(doubled[doubled < last], last)
    boundaries = token_row("boundaries", given)
    if not (len(boundaries) and boundaries[0] >= 1 and (np.diff(boundaries) > 0).all()):
        raise ValueError(f"boundaries must increase from 1 or more, not {list(given)}")
    if longest > boundaries[-1]:
        row = int(np.argmax(lengths > boundaries[-1]))
        raise ValueError(
            f"sequence {row} has length {lengths[row]}, beyond the last boundary, {boundaries[-1]}: cut it, or add a "
            f"boundary of {longest}"
        )
    return boundaries


def _tags(y: Sequence[Any] | np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    tags = [token_row(f"y {row}", tags) for row, tags in enumerate(y)]
    for row, (found, length) in enumerate(zip(tags, lengths, strict=True)):
        if len(found) != length:
            raise ValueError(f"each token needs one tag, but sequence {row} has {length} tokens and {len(found)} tags")
    return tags


def token_row(name: str, values: Any) -> np.ndarray:
    """Whole numbers (length,) as int32. Raises: ValueError, naming what they are, for anything else."""
    vector = np.asarray(values)
    if vector.ndim != 1 or not (np.issubdtype(vector.dtype, np.integer) or vector.size == 0):
        raise ValueError(f"{name} must be a vector of integers, not {vector.dtype} of shape {vector.shape}")
    return vector.astype(np.int32)


def pad_rows(vectors: list[np.ndarray], steps: int, value: int) -> np.ndarray:
    """Vectors as rows (N, steps) int32, with a value after their ends."""
    padded = np.full((len(vectors), steps), value, np.int32)
    for row, vector in zip(padded, vectors, strict=True):
        row[: len(vector)] = vector
    return padded
