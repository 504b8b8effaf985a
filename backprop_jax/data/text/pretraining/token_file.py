"""Tokens of a large text on disk, read only where they are used."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.text.token_check import token_vector
from backprop_jax.files.atomic_file import atomic_file

__all__ = ["read_tokens", "write_tokens"]


def write_tokens(path: str | os.PathLike, chunks: Iterable[np.ndarray | Sequence[int]], vocabulary_size: int) -> int:
    """Write the tokens of some chunks, one after another, to a file of NumPy's format, .npy; returns their number.

    Each takes two bytes if the vocabulary has at most 65,536 tokens, and four otherwise. One chunk at a time is in
    memory: `(vocabulary.encode(text) for text in texts)` for a large corpus. The file appears whole or not at all.

    Shapes:   chunks, each (T,) integers.
    Raises:   ValueError if the vocabulary size is no whole number of 1 or more, if there are no tokens, and for a chunk
              that is no vector; for its tokens as `check_tokens`; OSError if the file cannot be written.
    """
    size = whole_number(vocabulary_size, least=1)
    if size is None:
        raise ValueError(f"the size of a vocabulary is a whole number of 1 or more, not {vocabulary_size!r}")
    dtype = np.dtype("<u2" if size <= 2**16 else "<u4")
    count = 0
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        _write_header(file, dtype, count)
        for chunk in chunks:
            tokens = token_vector(chunk, size)
            file.write(tokens.astype(dtype).tobytes())
            count += len(tokens)
        if not count:
            raise ValueError(f"there are no tokens to write to {path}")
        file.seek(0)
        _write_header(file, dtype, count)
    return count


def read_tokens(path: str | os.PathLike) -> np.ndarray:
    """The tokens of a .npy file, from `write_tokens` or elsewhere, as a view of it: using some reads just those.

    `random_windows` and `stream_batches` take it as it is. Slices of it are views of the same small integers, so
    `.astype("int32")` before arithmetic. It is read-only.

    Shapes:   -> (N,), of the integers in the file.
    Raises:   OSError if there is no such file; ValueError, naming it, if it is none of that format, is truncated, or
              holds anything but a vector of integers.
    """
    path = Path(path)
    size = path.stat().st_size
    try:
        tokens = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # what NumPy raises for a damaged header is of many kinds
        raise ValueError(f"{path} is truncated or no .npy file, as write_tokens makes them: {error}") from error
    if not isinstance(tokens, np.memmap):
        tokens.close()
        raise ValueError(f"{path} holds several arrays, and not one vector of tokens")
    if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(f"{path} must hold a vector of integers, not {tokens.dtype} of shape {tokens.shape}")
    if size != tokens.offset + tokens.nbytes:
        raise ValueError(
            f"{path} is damaged: it has {size} bytes, where {len(tokens)} tokens take {tokens.offset + tokens.nbytes}"
        )
    return tokens


def _write_header(file: BinaryIO, dtype: np.dtype, count: int) -> None:
    """As long for any count, since NumPy leaves room in it for files that grow."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)
