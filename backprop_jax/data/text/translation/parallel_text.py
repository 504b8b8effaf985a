"""Sentences and their translations."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from backprop_jax.data.split import draw

__all__ = ["ParallelParts", "ParallelText", "split_parallel"]


@dataclass(frozen=True)
class ParallelText:
    """Sentences of one language, the sources, and the translation of each, the targets.

    Raises:   ValueError if there are none, or not as many targets as sources.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise ValueError(
                f"each sentence needs one translation, but there are {len(self.sources)} sources and "
                f"{len(self.targets)} targets"
            )
        if not self.sources:
            raise ValueError("there are no sentences")
        object.__setattr__(self, "sources", tuple(self.sources))
        object.__setattr__(self, "targets", tuple(self.targets))

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, rows: slice | np.ndarray) -> "ParallelText":
        """The pairs of some rows, given by a slice or by an array of row numbers."""
        chosen = np.arange(len(self))[rows]
        return ParallelText(*(tuple(side[row] for row in chosen) for side in (self.sources, self.targets)))


class ParallelParts(NamedTuple):
    """Pairs to fit the parameters, to choose the settings, and to report the result once."""

    train: ParallelText
    validation: ParallelText
    test: ParallelText


def split_parallel(text: ParallelText, validation: float = 0.1, test: float = 0.1, seed: int = 0) -> ParallelParts:
    """Pairs in three parts, drawn by the seed. Pairs with the same source are in the same part, so that no part tells
    the answers of another.

    `validation` and `test` are fractions of the different sources, rounded.

    Raises:   ValueError if the fractions are not above 0 and below 1 together, or leave a part without pairs.
    """
    numbers: dict[str, int] = {}
    source = np.array([numbers.setdefault(sentence, len(numbers)) for sentence in text.sources])
    test_part, validation_part, train_part = draw(np.zeros(len(numbers), int), (test, validation), seed)
    return ParallelParts(*(text[np.isin(source, part)] for part in (train_part, validation_part, test_part)))
