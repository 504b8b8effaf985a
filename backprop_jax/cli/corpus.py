"""The text that a model of text is trained on, as numbers."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from backprop_jax import data
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.text_flags import TrainGPT, TrainText
from backprop_jax.cli.text_model import AnyVocabulary, read_vocabulary, require_same_network
from backprop_jax.data.text.token_check import require_tokens
from backprop_jax.files.tensors import read_metadata

__all__ = ["Corpus", "load_corpus"]

PARTS = {"train": "train", "validation": "validate", "test": "test"}  # and what they are there to do
TOKENIZER = "tokenizer.json"


class Corpus(NamedTuple):
    """A text as numbers."""

    name: str
    size: str  # in words
    vocabulary: AnyVocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def __str__(self) -> str:
        counts = ", ".join(f"{len(getattr(self, part)):,} to {verb}" for part, verb in PARTS.items())
        return f"{self.name}: {self.size}, a vocabulary of {len(self.vocabulary):,}; tokens: {counts}"


def load_corpus(flags: TrainText | TrainGPT, most: int | None = None) -> Corpus:
    """The text, its parts and their tokens; Refused is raised if it is none, or there is none of a part.

    Of the texts to validate and to test on no more than `most` characters, or tokens from a file of these, are taken.
    """
    place, name = f"--data {flags.data}: ", Path(flags.data).resolve().name
    if flags.data.endswith(".npy"):
        return _read_tokens(flags, place, name, most)
    with (
        refusing(OSError, prefix=place, status=1),
        refusing(ValueError, ModuleNotFoundError, prefix="--data: ", status=1),
    ):
        text = data.python_docs() if flags.data == "python_docs" else data.read_text(flags.data)
    with refusing(ValueError, prefix=place, status=1):
        parts = data.split_text(text)
    vocabulary = _vocabulary(flags, text, parts.train)
    with refusing(ValueError, prefix=place):
        train, *held_out = map(vocabulary.encode, (parts.train, parts.validation[:most], parts.test[:most]))
    return _corpus(place, name, f"{len(text):,} characters", vocabulary, train, *held_out)


def _read_tokens(flags: TrainText | TrainGPT, place: str, name: str, most: int | None) -> Corpus:
    """A file of tokens. It may be larger than the memory."""
    tokenizer = Path(flags.data).with_name(TOKENIZER)
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix=place, status=1):
        tokens = data.read_tokens(flags.data)
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix=f"{place}its {TOKENIZER}: ", status=1):
        vocabulary = data.BytePairVocabulary.load(tokenizer)
    if flags.params is not None and _vocabulary_of_params(flags, flags.params) != vocabulary:
        raise Refused(f"--params: {flags.params} has another vocabulary than {tokenizer}, of which the tokens are")
    ends = [round(len(tokens) * share) for share in (0.8, 0.9)]
    train, validation, test = np.split(tokens, ends)
    with refusing(ValueError, prefix=place):
        require_tokens(tokens, len(vocabulary))
    return _corpus(place, name, f"{len(tokens):,} tokens", vocabulary, train, validation[:most], test[:most])


def _corpus(place: str, name: str, size: str, vocabulary: AnyVocabulary, *parts: np.ndarray) -> Corpus:
    train, *held_out = parts
    with refusing(ValueError, prefix=f"{place}to validate and to test on, "):
        for part in held_out:
            data.stream_batches(part, 1, 1)
    return Corpus(name, size, vocabulary, train, *held_out)


def _vocabulary(flags: TrainText | TrainGPT, text: str, train: str) -> AnyVocabulary:
    """That of the given parameters, or else one for this text."""
    if flags.params is not None:
        return _vocabulary_of_params(flags, flags.params)
    if flags.vocabulary == "characters":
        return data.CharacterVocabulary.from_text(text)
    with refusing(ModuleNotFoundError, prefix="--vocabulary bpe: ", status=1):
        return data.BytePairVocabulary.from_text(train, flags.vocabulary_size)


def _vocabulary_of_params(flags: TrainText | TrainGPT, path: Path) -> AnyVocabulary:
    """That in the file of parameters; Refused is raised if they are not of the network of the flags."""
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix="--params: "):
        notes = read_metadata(path)
        vocabulary = read_vocabulary(path, notes)
        require_same_network(path, notes, flags)
    return vocabulary
