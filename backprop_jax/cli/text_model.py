"""The file that a training on text leaves: parameters, and in its header what they are parameters of."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax import models
from backprop_jax.cli.run_flags import HERE
from backprop_jax.cli.text_flags import TrainGPT, TrainText
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import layers_of
from backprop_jax.data import BytePairVocabulary, CharacterVocabulary
from backprop_jax.files.tensors import read_metadata
from backprop_jax.layers import PositionEmbedding
from backprop_jax.train import load_params

__all__ = [
    "FILE",
    "AnyVocabulary",
    "Writer",
    "build_gpt",
    "build_model",
    "load_writer",
    "make_notes",
    "read_vocabulary",
    "require_same_network",
]

FILE = "params.safetensors"
# The flags that a network is built by.
SIZES = {
    TrainText: ("cell", "layers", "width", "embedding_width", "dropout"),
    TrainGPT: ("layers", "width", "heads", "length", "dropout", "recompute"),
}
FREE = ("dropout", "recompute")  # those of them that parameters do not depend on

AnyVocabulary = CharacterVocabulary | BytePairVocabulary


class Writer(NamedTuple):
    """All that writing takes."""

    vocabulary: AnyVocabulary
    model: Layer
    params: PyTree

    def write(self, prompt: np.ndarray, steps: int, seed: int, **draw: Any) -> str:
        """The prompt (P,) and the tokens after it, drawn by `models.generate` with these settings.

        A model that has places for so many steps and no more forgets, each time that it has filled them, the older half
        of what it has read and written.
        """
        room = min((layer.num_embeddings for layer in layers_of(self.model, PositionEmbedding)), default=None)
        key, text, end = jax.random.key(seed), prompt, len(prompt) + steps
        while len(text) < end:
            known, most = text, end - len(text)
            if room is not None:
                known = text if len(text) < room else text[-max(room // 2, 1) :]
                most = min(most, room - len(known) + 1)  # the last that is written is not read
            key, part_key = jax.random.split(key)
            part = models.generate(self.model, self.params, jnp.asarray(known[None]), most, part_key, **draw)
            text = np.concatenate([text, part[0]])
        return self.vocabulary.decode(text)


def build_model(vocabulary: AnyVocabulary, flags: TrainText | TrainGPT) -> Layer:
    """The network of the flags. Raises: ValueError as `build_gpt`."""
    if isinstance(flags, TrainGPT):
        return build_gpt(vocabulary, flags)
    width, features = flags.embedding_width, flags.width
    return models.char_lm(len(vocabulary), width, features, flags.layers, flags.cell, flags.dropout)


def build_gpt(vocabulary: AnyVocabulary, flags: TrainGPT) -> models.LanguageModel:
    """The transformer of the flags. Raises: ValueError if its width is no multiple of its heads."""
    size, rate = len(vocabulary), flags.dropout
    return models.gpt(size, flags.length, flags.width, flags.layers, flags.heads, rate, flags.recompute)


def make_notes(flags: TrainText | TrainGPT, vocabulary: AnyVocabulary, name: str) -> dict[str, str]:
    """The header: the settings, without the places on this machine, the name of the text, and the vocabulary."""
    settings = asdict(flags) | {"data": name}
    if isinstance(vocabulary, CharacterVocabulary):
        definition = {"vocabulary": "characters", "characters": vocabulary.characters}
    else:
        definition = {"vocabulary": "bpe", "tokenizer": vocabulary.definition}
    return {flag: str(value) for flag, value in settings.items() if flag not in HERE} | definition


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
    raise ValueError(
        f"{path} holds no model of text: it has no vocabulary; backprop-jax train text and train gpt make such files"
    )


def require_same_network(path: Path, notes: Mapping[str, str], flags: TrainText | TrainGPT) -> None:
    """ValueError, naming the flag, if a file is of another network than that of the flags.

    Shapes alone do not tell: those of a transformer with other heads are the same.
    """
    for name in SIZES[type(flags)]:
        if name not in FREE and notes.get(name) != str(getattr(flags, name)):
            flag = f"--{name.replace('_', '-')}"
            found = f"with {flag} {notes[name]}" if name in notes else f"without {flag}"
            raise ValueError(f"{path} is of a network {found}, not {flag} {getattr(flags, name)}")


def load_writer(path: Path) -> Writer:
    """What a training left in a file, or in the folder of its results.

    Raises:   as `read_vocabulary` and `load_params`; ValueError, naming the file, if its settings are damaged.
    """
    if path.is_dir():
        path = path / FILE
    notes = read_metadata(path)
    vocabulary = read_vocabulary(path, notes)
    try:
        model = build_model(vocabulary, _read_flags(notes))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} has damaged notes on its training ({type(error).__name__}: {error})") from error
    like, _ = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    return Writer(vocabulary, model, load_params(path, like))


def _read_flags(notes: Mapping[str, str]) -> TrainText | TrainGPT:
    """The flags of a training, as far as its network depends on them."""
    flags = TrainGPT() if "heads" in notes else TrainText()
    return replace(flags, **{name: type(getattr(flags, name))(notes[name]) for name in SIZES[type(flags)]})
