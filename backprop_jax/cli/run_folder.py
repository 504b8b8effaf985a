"""A run that is over: its settings, and the network with what it has learned."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax import data, losses
from backprop_jax.cli.bits import Unit
from backprop_jax.cli.config import CONFIG, AnyTraining, read_any_config
from backprop_jax.cli.image_flags import TrainDigits, TrainImages
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.run_flags import HERE
from backprop_jax.cli.text_flags import TrainGPT, TrainText
from backprop_jax.cli.text_model import FILE, AnyVocabulary, load_writer
from backprop_jax.cli.train_digits import build_classifier
from backprop_jax.cli.train_images import IMAGE_SIZE, MODELS, read_notes
from backprop_jax.core import supervised
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.data import ChannelStatistics
from backprop_jax.files.tensors import read_metadata
from backprop_jax.models import LanguageModel, LanguageModelLoss
from backprop_jax.train import load_model, stream_loss, window_loss

__all__ = ["ImageRun", "TextRun", "load_run", "read_settings"]


class ImageRun(NamedTuple):
    """A classifier of images."""

    flags: TrainDigits | TrainImages
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]  # (H, W, C)
    statistics: ChannelStatistics | None  # that images are normalized by
    objective: Supervised
    params: PyTree
    state: PyTree


class TextRun(NamedTuple):
    """A model of text."""

    flags: TrainText | TrainGPT
    file: Path
    vocabulary: AnyVocabulary
    model: Layer
    params: PyTree

    @property
    def unit(self) -> Unit:
        """Of the text, which bits are counted for."""
        return "byte" if isinstance(self.flags, TrainGPT) else "character"

    def loss(self, tokens: np.ndarray) -> float:
        """Of a token, in nats."""
        if isinstance(self.model, LanguageModel) and isinstance(self.flags, TrainGPT):
            objective = LanguageModelLoss(self.model, losses.LinearCrossEntropy(len(self.vocabulary)))
            return window_loss(objective, self.params, tokens, self.flags.length)
        return stream_loss(supervised(self.model, losses.CrossEntropy()), self.params, tokens)


def load_run(folder: Path) -> ImageRun | TextRun:
    """What a training left in a folder; Refused is raised, in words that tell what is missing, if it is no such."""
    flags, file = read_settings(folder), folder / FILE
    if not file.exists():
        raise Refused(f"{folder} has no {FILE}: its training has not come so far; train with --resume goes on with it")
    with refusing(OSError, ValueError, ModuleNotFoundError):
        _require_same_run(folder, flags)
        if isinstance(flags, TrainText | TrainGPT):
            return TextRun(flags, file, *load_writer(file))
        if isinstance(flags, TrainDigits):
            dataset = {"digits8x8": data.digits, "mnist5k": data.mnist5k}[flags.data]()
            return _classifier(flags, file, build_classifier(flags, dataset), dataset.class_names, dataset.image_shape)
        _, names = read_notes(file)
        if names is None:
            raise Refused(f"{file} does not tell the names of the classes: it is not of the run in {folder}")
        size = IMAGE_SIZE if flags.image_size is None else flags.image_size
        shape = (28, 28, 1) if flags.data == "mnist5k" else (size, size, 3)
        return _classifier(flags, file, MODELS[flags.model](len(names)), names, shape)


def _require_same_run(folder: Path, flags: AnyTraining) -> None:
    """ValueError if the parameters are those of an earlier run in the folder, and this one left none yet."""
    notes = read_metadata(folder / FILE)
    for name, value in asdict(flags).items():
        if name not in (*HERE, "data", "vocabulary") and notes.get(name, str(value)) != str(value):
            raise ValueError(
                f"{folder / FILE} is of another run than {CONFIG} beside it, with {name} {notes[name]} and not {value}"
            )


def read_settings(folder: Path) -> AnyTraining:
    """Those of the run in a folder; Refused is raised if it holds none."""
    if not folder.is_dir():
        raise Refused(f"there is no folder {folder}")
    if not (folder / CONFIG).exists():
        raise Refused(f"{folder} is no folder of a run: it has no {CONFIG}, which backprop-jax train writes")
    with refusing(OSError, ValueError):
        return read_any_config(folder / CONFIG)


def _classifier(
    flags: TrainDigits | TrainImages, file: Path, model: Layer, names: tuple[str, ...], shape: tuple[int, ...]
) -> ImageRun:
    objective = supervised(model, losses.CrossEntropy(label_smoothing=flags.label_smoothing))
    x = jax.ShapeDtypeStruct((2, *shape), jnp.float32)  # of one alone a batch norm could tell no variance
    params, _ = jax.eval_shape(model.init, jax.random.key(0), x)
    state = jax.jit(lambda key: model.init(key, jnp.zeros(x.shape, x.dtype))[1])(jax.random.key(0))
    statistics, _ = read_notes(file)
    return ImageRun(flags, names, shape, statistics, objective, *load_model(file, params, state))
