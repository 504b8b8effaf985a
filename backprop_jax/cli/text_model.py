"""The file that a training on text leaves: parameters, and in its header what they are parameters of."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.cli.flags import TrainText
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.data import BytePairVocabulary, CharacterVocabulary
from backprop_jax.files.tensors import read_metadata
from backprop_jax.models import char_lm
from backprop_jax.train import load_params

__all__ = ["FILE", "Writer", "build_model", "load_writer", "make_notes", "read_vocabulary"]

FILE = "params.safetensors"
PLACES = ("out", "params")  # flags that are paths

AnyVocabulary = CharacterVocabulary | BytePairVocabulary


class Writer(NamedTuple):
    """All that writing takes."""

    vocabulary: AnyVocabulary
    model: Layer
    params: PyTree


def build_model(
    vocabulary: AnyVocabulary,
    cell: Literal["lstm", "gru"],
    layers: int,
    width: int,
    embedding_width: int,
    dropout: float,
) -> Layer:
    """The network of the flags of these names."""
    return char_lm(len(vocabulary), embedding_width, width, layers, cell, dropout)


def make_notes(flags: TrainText, vocabulary: AnyVocabulary, name: str) -> dict[str, str]:
    """The header: the settings, without the places on this machine, the name of the text, and the vocabulary."""
    settings = asdict(flags) | {"data": name}
    if isinstance(vocabulary, CharacterVocabulary):
        definition = {"vocabulary": "characters", "characters": vocabulary.characters}
    else:
        definition = {"vocabulary": "bpe", "tokenizer": vocabulary.definition}
    return {flag: str(value) for flag, value in settings.items() if flag not in PLACES} | definition


def read_vocabulary(path: Path, notes: Mapping[str, str]) -> AnyVocabulary:
    """The vocabulary in the header of a file.

    Raises:   ValueError, naming the file, if none is there or it is damaged; ModuleNotFoundError, naming the extra to
              install, for byte pairs without tokenizers.
    """
    try:
        if "characters" in notes:
            return CharacterVocabulary(notes["characters"])
        if "tokenizer" in notes:
            return BytePairVocabulary(notes["tokenizer"])
    except ValueError as error:
        raise ValueError(f"{path} has a damaged vocabulary: {error}") from error
    raise ValueError(f"{path} holds no model of text: it has no vocabulary; backprop-jax train text makes such files")


def load_writer(path: Path) -> Writer:
    """What a training left in a file, or in the folder of its results.

    Raises:   as `read_vocabulary` and `load_params`; ValueError, naming the file, if its settings are damaged.
    """
    if path.is_dir():
        path = path / FILE
    notes = read_metadata(path)
    vocabulary = read_vocabulary(path, notes)
    try:
        cell: Any = notes["cell"]
        layers, width, embedding_width = (int(notes[name]) for name in ("layers", "width", "embedding_width"))
        model = build_model(vocabulary, cell, layers, width, embedding_width, float(notes["dropout"]))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} has damaged notes on its training ({type(error).__name__}: {error})") from error
    like, _ = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    return Writer(vocabulary, model, load_params(path, like))
