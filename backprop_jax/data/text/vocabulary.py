"""What every vocabulary can do."""

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np

__all__ = ["Vocabulary"]


class Vocabulary(Protocol):
    """An immutable, hashable value that takes text apart into tokens, numbers from 0 to `len(vocabulary) - 1`."""

    def __len__(self) -> int: ...

    def encode(self, text: str) -> np.ndarray:
        """The tokens of a text, (T,) int32."""
        ...

    def decode(self, tokens: np.ndarray | Sequence[int]) -> str:
        """The text of some tokens (T,)."""
        ...

    def save(self, path: str | os.PathLike) -> None:
        """Write it to a JSON file, for the class's `load`."""
        ...
