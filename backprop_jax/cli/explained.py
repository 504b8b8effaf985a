"""What is explained: a network, its parameters and a batch."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from backprop_jax import data, losses
from backprop_jax.cli.explain_flags import Explain
from backprop_jax.cli.flags import TrainDigits
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.text_flags import TrainGPT, TrainText
from backprop_jax.cli.text_model import FILE, AnyVocabulary, build_model, load_writer
from backprop_jax.cli.train_digits import build_classifier
from backprop_jax.cli.train_images import IMAGE_SIZE, MODELS, read_notes
from backprop_jax.core import supervised
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.data import CharacterVocabulary, ImageDataset
from backprop_jax.files.tensors import read_metadata
from backprop_jax.models import LanguageModel, LanguageModelLoss
from backprop_jax.train import load_model

__all__ = ["Subject", "load_subject"]

DIGITS = "mlp", "residual", "linear"  # models of train digits
SIZES = "width", "depth", "dropout"  # of these; without dropout there is a layer less
TEXT = {"text": TrainText(), "gpt": TrainGPT()}
ENLARGED = 4  # times 8 pixels: digits for networks that are made for larger images


class Subject(NamedTuple):
    """All that `explain` takes."""

    objective: Layer
    params: PyTree
    state: PyTree
    batch: PyTree


def load_subject(flags: Explain) -> Subject:
    """What the flags name: a kind of network, with random parameters, or one that is trained."""
    if flags.model in TEXT:
        with refusing(OSError, ValueError, prefix=f"--data {flags.data}: "):
            text = _text(flags)
        vocabulary = CharacterVocabulary.from_text(text)
        return _of_text(flags, build_model(vocabulary, TEXT[flags.model]), vocabulary, text)
    if flags.model in DIGITS:
        return _of_images(flags, flags.model, {}, _images(flags, IMAGE_SIZE))
    if flags.model in MODELS:
        return _of_images(flags, flags.model, {}, _images(flags, IMAGE_SIZE, ENLARGED))
    return _trained(flags)


def _trained(flags: Explain) -> Subject:
    path = Path(flags.model)
    path = path / FILE if path.is_dir() else path
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix=f"{flags.model}: "):
        notes = read_metadata(path)
        if "vocabulary" in notes:
            writer = load_writer(path)
            text = _text(flags)
            if isinstance(writer.vocabulary, CharacterVocabulary):
                text = "".join(character for character in text if character in set(writer.vocabulary.characters))
            if "length" in notes:
                flags = replace(flags, length=min(flags.length, int(notes["length"])))
            return _of_text(flags, writer.model, writer.vocabulary, text)._replace(params=writer.params)
        if notes.get("model") not in (*DIGITS, *MODELS):
            raise Refused(
                f"{flags.model} is neither a network ({', '.join((*DIGITS, *MODELS, *TEXT))}) nor what a training left"
            )
        size = notes.get("image_size", "None")
        dataset = _images(flags, IMAGE_SIZE if size == "None" else int(size), name=notes.get("data"))
        statistics, _ = read_notes(path)
        dataset = dataset if statistics is None else data.normalize(dataset, statistics)
        subject = _of_images(flags, notes["model"], notes, dataset)
        params, state = load_model(path, subject.params, subject.state)
    return subject._replace(params=params, state=state)


def _of_images(flags: Explain, model: str, notes: Mapping[str, str], dataset: ImageDataset) -> Subject:
    """With random parameters; of what a training noted, the sizes of its network."""
    if model in DIGITS:
        default = TrainDigits()
        sizes = {name: type(getattr(default, name))(notes[name]) for name in SIZES if name in notes}
        network = build_classifier(replace(default, model=model, **sizes), dataset)
    else:
        network = MODELS[model](dataset.classes)
    examples = dataset.test[: flags.batch_size]
    return _start(flags, supervised(network, losses.CrossEntropy()), (examples.x, examples.y))


def _images(flags: Explain, size: int, enlarged: int = 1, name: str | None = None) -> ImageDataset:
    """Those of the folder, or the digits that the training was on, or else the small ones, enlarged."""
    if flags.data is not None:
        return data.image_folder(flags.data, size)
    if name == "mnist5k":
        return data.mnist5k()
    if name not in (None, "digits8x8"):
        raise Refused(f"--data must name the folder of the images that {flags.model} was trained on: {name}")
    digits = data.digits()
    parts = {
        part: replace(getattr(digits, part), x=np.kron(getattr(digits, part).x, np.ones((1, enlarged, enlarged, 1))))
        for part in ("train", "validation", "test")
    }
    return replace(digits, **parts)


def _text(flags: Explain) -> str:
    return data.python_docs() if flags.data is None else data.read_text(flags.data)


def _of_text(flags: Explain, model: Layer, vocabulary: AnyVocabulary, text: str) -> Subject:
    """With random parameters, on the beginning of the text."""
    rows, length = flags.batch_size, flags.length
    tokens = vocabulary.encode(text[: 20 * rows * (length + 1)])[: rows * length + 1]  # a byte pair is part of a word
    if len(tokens) <= rows * length:
        raise Refused(f"the text has no {rows * length + 1} tokens for --batch-size {rows} of --length {length}")
    batch = tokens[:-1].reshape(rows, length), tokens[1:].reshape(rows, length)
    if isinstance(model, LanguageModel):
        return _start(flags, LanguageModelLoss(model, losses.LinearCrossEntropy(len(vocabulary))), batch)
    return _start(flags, supervised(model, losses.CrossEntropy()), batch)


def _start(flags: Explain, objective: Layer, batch: PyTree) -> Subject:
    with refusing(ValueError, prefix=f"{flags.model}: "):
        params, state = jax.jit(objective.init)(jax.random.key(flags.seed), batch)
    return Subject(objective, params, state, batch)
