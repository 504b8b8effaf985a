"""One batch through a network, on the terminal and as a page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from backprop_jax import data, losses, models
from backprop_jax.cli.explain_flags import Explain
from backprop_jax.cli.flags import TrainDigits
from backprop_jax.cli.job import make_console, write
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.tables import show_table
from backprop_jax.cli.text_flags import TrainGPT, TrainText
from backprop_jax.cli.text_model import FILE, AnyVocabulary, build_model, load_writer
from backprop_jax.cli.train_digits import build_mlp
from backprop_jax.cli.train_images import IMAGE_SIZE, MODELS, read_notes
from backprop_jax.core import supervised
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.data import ImageDataset
from backprop_jax.files.tensors import read_metadata
from backprop_jax.harvest.walkthrough import explain as explain_batch
from backprop_jax.harvest.walkthrough.explanation import COLUMNS, LEFT, rows
from backprop_jax.train import load_model

__all__ = ["explain"]

DIGITS = "mlp", "residual", "linear"
TEXT = {"text": TrainText(), "gpt": TrainGPT()}
ENLARGED = 4  # times 8 pixels, for networks that are made for larger images


class Subject(NamedTuple):
    """What is explained."""

    objective: Layer
    batch: PyTree
    params: PyTree = None  # None: random ones
    state: PyTree = None


def explain(flags: Explain) -> int:
    """Print the table and write the page. Returns the exit status, 0; raises Refused for what fails."""
    subject = _random(flags) if _is_name(flags.model) else _trained(flags, Path(flags.model))
    console = make_console()
    objective, batch, params, state = subject
    if params is None:
        with refusing(ValueError, prefix=f"{flags.model}: "):
            params, state = jax.jit(objective.init)(jax.random.key(flags.seed), batch)
    found = explain_batch(objective, params, state, batch)
    console.print(found.headline)
    show_table(console, COLUMNS, rows(found), LEFT)
    write(console, flags.out, found.save)
    return 0


def _is_name(model: str) -> bool:
    return model in (*DIGITS, *MODELS, *TEXT)


def _random(flags: Explain) -> Subject:
    """A network of this kind, with random parameters."""
    if flags.model in TEXT:
        return _of_text(flags, TEXT[flags.model])
    if flags.data is None:
        dataset = _digits(enlarged=1 if flags.model in DIGITS else ENLARGED)
    else:
        dataset = _folder(flags.data, IMAGE_SIZE)
    return _of_images(flags, _network(TrainDigits(), flags.model, dataset.classes), dataset)
