"""Byte pairs as tokens: frequent words whole, rare ones in pieces."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.text.token_check import token_vector
from backprop_jax.data.text.tokenizer_files import TOKENIZER, older_definition, tokenizers_library
from backprop_jax.files.atomic_file import atomic_file

__all__ = ["BytePairVocabulary"]

BYTES = 256  # each is a token, so that there is no text without tokens


@dataclass(frozen=True)
class BytePairVocabulary:
    """Tokens as the tokenizers library makes them, trained here on a text or read from a file.

    It begins with the 256 bytes; then, again and again, the two neighbouring tokens that are most often side by side
    become a new one. Any text is encoded, and `decode(encode(text)) == text`.

    Special tokens, such as those of padding, begin and end, stand for no text: `special_tokens` tells their numbers,
    and `encode` never gives one, even where a text has the same letters.

    Raises:   ValueError if the definition is none of a tokenizer; ModuleNotFoundError, naming the extra to install,
              if tokenizers is missing.
    Source:   Sennrich, Haddow & Birch, 2016, arXiv:1508.07909; over bytes, Radford et al., 2019.
    """

    definition: str = field(repr=False)  # the content of a tokenizer.json

    def __post_init__(self) -> None:
        _ = self._tokenizer

    @classmethod
    def from_text(cls, text: str, size: int = 2000, special: Sequence[str] = ()) -> "BytePairVocabulary":
        """The vocabulary of `size` that suits a text; smaller, if no pair in the text is left that is there twice.

        The names in `special`, such as `("<pad>", "<s>", "</s>")`, become the first tokens, 0, 1, ..., in their order:
        the first should be that of padding, for batches are filled up with 0.

        Raises:   ValueError if the text is empty or has a lone surrogate, a special name is empty, there twice or a
                  token of the text too, or `size` is no whole number of 256 or more beside the special tokens.
        """
        if not text:
            raise ValueError("an empty text has no vocabulary")
        _require_bytes(text)
        if isinstance(special, str) or not all(special) or len(set(special)) < len(special):
            raise ValueError(f"special tokens are a tuple of different names, none of them empty, not {special!r}")
        least = BYTES + len(special)
        whole = whole_number(size, least=least)
        if whole is None:
            beside = f" and {len(special)} special tokens" if special else ""
            raise ValueError(
                f"a byte-pair vocabulary needs a size of {least} or more, one for each byte{beside}, not {size!r}"
            )
        library = tokenizers_library()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        alphabet = library.pre_tokenizers.ByteLevel.alphabet()
        trainer = library.trainers.BpeTrainer(
            vocab_size=whole,
            min_frequency=2,
            initial_alphabet=alphabet,
            special_tokens=list(special),
            show_progress=False,
        )
        tokenizer.train_from_iterator([text], trainer)
        vocabulary = cls(tokenizer.to_str())
        for name, number in vocabulary.special_tokens.items():
            if number in vocabulary.encode(name):
                raise ValueError(f"the special token {name!r} is one of the text too: choose a name such as '<pad>'")
        return vocabulary

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def __repr__(self) -> str:
        return f"BytePairVocabulary({len(self)} tokens)"

    @property
    def special_tokens(self) -> dict[str, int]:
        """The numbers of the special tokens, by their names; of those in a file that was read too."""
        added = self._tokenizer.get_added_tokens_decoder()
        return {token.content: number for number, token in sorted(added.items()) if token.special}

    def encode(self, text: str) -> np.ndarray:
        """The tokens of a text, (T,) int32, fewer than it has bytes.

        Raises:   ValueError, naming it and its position, for a lone surrogate, which has no bytes.
        """
        _require_bytes(text)
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.int32)

    def decode(self, tokens: np.ndarray | Sequence[int]) -> str:
        """The text of some tokens (T,). Bytes that make no character, as when it was cut, become "\\ufffd"; special
        tokens their names.

        Raises:   as `check_tokens`, and ValueError for another shape.
        """
        return self._tokenizer.decode(token_vector(tokens, len(self)).tolist(), skip_special_tokens=False)

    def save(self, path: str | os.PathLike) -> None:
        """Write it to the library's own file, tokenizer.json. Raises: OSError if that cannot be written."""
        with atomic_file(path) as temporary:
            temporary.write_text(self.definition, encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "BytePairVocabulary":
        """Read what `save` wrote, or the tokenizer of a folder: its tokenizer.json, or where there is none GPT-2's
        vocab.json and merges.txt, or BERT's vocab.txt, whose pieces of words do not tell spaces and capitals apart.

        Raises:   OSError if there is no file; ValueError if it is no tokenizer.json, or those files are not read.
        """
        path = Path(path)
        if path.is_dir():
            if not (path / TOKENIZER).is_file():
                return cls(older_definition(path))
            path = path / TOKENIZER
        content = path.read_bytes()
        try:
            return cls(content.decode())
        except ValueError as error:
            raise ValueError(f"{path} is no tokenizer.json: {error}") from error

    @cached_property
    def _tokenizer(self) -> Any:
        library = tokenizers_library()
        try:
            tokenizer = library.Tokenizer.from_str(self.definition)
            tokenizer.encode_special_tokens = True  # text is text: a "</s>" in it is letters, and ends nothing
            return tokenizer
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"tokenizers cannot read this definition: {error}") from error


def _require_bytes(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text[error.start]!r} at position {error.start} is a surrogate, which is no character: it may stand for "
            "a byte that is not UTF-8"
        ) from error
