"""Characters as tokens."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from backprop_jax.data.text.token_check import token_vector
from backprop_jax.files.atomic_file import atomic_file

__all__ = ["CharacterVocabulary"]


@dataclass(frozen=True)
class CharacterVocabulary:
    """One token for each of some characters, numbered in their order.

    Characters are Unicode code points. With `unknown`, one of the characters, such as "\\ufffd", any other is taken for
    that one; without it, any other is refused.

    Raises:   ValueError if there are no characters, one is there twice, or `unknown` is none of them.
    """

    characters: str
    unknown: str | None = None

    def __post_init__(self) -> None:
        if not self.characters:
            raise ValueError("a vocabulary needs at least one character")
        if len(set(self.characters)) < len(self.characters):
            twice = next(c for place, c in enumerate(self.characters) if c in self.characters[:place])
            raise ValueError(f"the character {twice!r} is twice in the vocabulary")
        if self.unknown is not None and (len(self.unknown) != 1 or self.unknown not in self.characters):
            raise ValueError(f"unknown must be one of the characters of the vocabulary, not {self.unknown!r}")

    @classmethod
    def from_text(cls, text: str, unknown: str | None = None) -> "CharacterVocabulary":
        """The characters of a text, sorted, and `unknown`, such as "\\ufffd".

        Raises:   ValueError if the text is empty, or `unknown` is not one character.
        """
        if not text:
            raise ValueError("an empty text has no vocabulary")
        return cls("".join(sorted({*text, *(unknown or "")})), unknown)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """One token for each character of a text, (T,) int32.

        Raises:   ValueError, naming the character and its position, for one that is not in the vocabulary, unless
                  there is an `unknown`.
        """
        known, tokens = self._sorted
        points = _code_points(text)
        place = np.minimum(np.searchsorted(known, points), len(known) - 1)
        missing = known[place] != points
        if missing.any():
            if self.unknown is None:
                first = int(np.argmax(missing))
                raise ValueError(
                    f"the character {text[first]!r} at position {first} is not in the vocabulary of {len(self)} "
                    "characters: leave it out, or make the vocabulary from a text that has it"
                )
            return np.where(missing, np.int32(self.characters.index(self.unknown)), tokens[place])
        return tokens[place]

    def decode(self, tokens: np.ndarray | Sequence[int]) -> str:
        """The text of some tokens (T,). Raises: as `check_tokens`, and ValueError for another shape."""
        return "".join(self.characters[token] for token in token_vector(tokens, len(self)).tolist())

    def save(self, path: str | os.PathLike) -> None:
        """Write it to a JSON file. Raises: OSError if that cannot be written."""
        content = json.dumps({"characters": self.characters, "unknown": self.unknown})
        with atomic_file(path) as temporary:
            temporary.write_text(content, encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "CharacterVocabulary":
        """Read what `save` wrote. Raises: OSError if there is no file; ValueError if it holds something else."""
        content = Path(path).read_bytes()
        try:
            fields = json.loads(content)
            if not (isinstance(fields, dict) and fields.keys() == {"characters", "unknown"}):
                raise ValueError("its keys are not characters and unknown")
            if not (isinstance(fields["characters"], str) and isinstance(fields["unknown"], str | None)):
                raise ValueError("its characters or unknown are no text")
            return cls(**fields)
        except ValueError as error:
            raise ValueError(f"{path} holds no character vocabulary: {error}") from error

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """The code points in order, to search among, and the token of each."""
        points = _code_points(self.characters)
        order = np.argsort(points)
        return points[order], order.astype(np.int32)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
