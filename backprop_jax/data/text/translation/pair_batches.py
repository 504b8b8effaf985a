"""Mini-batches of sentences and translations, as tokens."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.text.buckets import IGNORED, bucket_rows, pad_rows, token_row

__all__ = ["TranslationBatch", "translation_batches"]

Tokens = Sequence[np.ndarray | Sequence[int]] | np.ndarray


class TranslationBatch(NamedTuple):
    """What an encoder reads, what a decoder reads, and what that is to tell: for a target a b c

        inputs    begin a b c   0  0 ...
        targets     a   b c end -1 -1 ...

    Shapes:   source (B, T) int32, 0 after the end; lengths (B,) int32, of the source; inputs, targets (B, T) int32.
    """

    source: np.ndarray
    lengths: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray


def translation_batches(
    sources: Tokens,
    targets: Tokens,
    size: int,
    begin: int,
    end: int,
    seed: int | tuple[int, ...] | None = None,
    boundaries: Sequence[int] | None = None,
) -> Iterator[TranslationBatch]:
    """Pairs of about one length together: T, the seed and the boundaries are as in `bucket_batches`.

    The length of a pair is that of the longer of its source and its target with `end`. `begin` and `end` are tokens
    of the target's vocabulary; the targets have neither.

    Raises:   ValueError, at the call, if there are not as many targets as sources, begin or end is no token, and as
              `bucket_batches`, where a sequence is a pair.
    """
    read = [token_row(f"source {row}", tokens) for row, tokens in enumerate(sources)]
    told = [token_row(f"target {row}", tokens) for row, tokens in enumerate(targets)]
    if len(read) != len(told):
        raise ValueError(f"each source needs one target, but there are {len(read)} sources and {len(told)} targets")
    for name, token in (("begin", begin), ("end", end)):
        if whole_number(token, least=0) is None:
            raise ValueError(f"{name} must be a token, a whole number of 0 or more, not {token!r}")
    lengths = np.array([len(source) for source in read], np.int32)
    longer = np.maximum(lengths, [len(target) + 1 for target in told])
    inputs = [np.append(begin, target) for target in told]
    outputs = [np.append(target, end) for target in told]

    def batch(chosen: np.ndarray, steps: int) -> TranslationBatch:
        columns = ((read, 0), (inputs, 0), (outputs, IGNORED))
        source, given, wanted = (pad_rows([rows[row] for row in chosen], steps, fill) for rows, fill in columns)
        return TranslationBatch(source, lengths[chosen], given, wanted)

    return (batch(*group) for group in bucket_rows(longer, size, seed, boundaries))
