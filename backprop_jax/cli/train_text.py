"""The third job: a recurrent network that learns to write as a text does."""

import math
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from backprop_jax import data, losses, models, optim
from backprop_jax.cli import tables
from backprop_jax.cli.flags import PROGRAM, TrainText
from backprop_jax.cli.job import check_folder, make_console, prove, warm_up_and_decay, write
from backprop_jax.cli.refused import refusing
from backprop_jax.cli.text_model import FILE, AnyVocabulary, build_model, make_notes, read_vocabulary
from backprop_jax.core import summarize, supervised
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.files.tensors import read_metadata
from backprop_jax.train import (
    Fit,
    StreamEpoch,
    Training,
    fit_stream,
    load_params,
    save_history,
    save_params,
    show_progress,
    start,
    stream_loss,
)
from backprop_jax.train.step import GradientTransform

__all__ = ["train_text"]

HISTORY = "history.csv"
CHECKED = 4, 8  # rows and steps in the cross-check
PROMPT, SAMPLE = 20, 200  # tokens of a sample: those given, the beginning of the text to validate, and those written
TEMPERATURE = 0.7  # of a sample
PARTS = {"train": "train", "validation": "validate", "test": "test"}  # and what they are there to do


class Corpus(NamedTuple):
    """A text as numbers."""

    name: str
    characters: data.TextParts
    vocabulary: AnyVocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def train_text(flags: TrainText) -> int:
    """The job. Returns the exit status: 0, or 130 if Ctrl-C ended the training; raises Refused with any other."""
    console = make_console()
    corpus = _load(flags)
    sizes = flags.cell, flags.layers, flags.width, flags.embedding_width, flags.dropout
    objective = supervised(build_model(corpus.vocabulary, *sizes), losses.CrossEntropy())
    steps = flags.epochs * ((len(corpus.train) - 1) // (flags.batch_size * flags.steps))
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(warm_up_and_decay(flags.learning_rate, steps)))
    batch = next(data.stream_batches(corpus.train, flags.batch_size, flags.steps))
    training = start(objective, optimizer, jax.random.key(flags.seed), batch)
    if flags.params is not None:
        with refusing(OSError, ValueError, prefix="--params: "):
            training = training._replace(params=load_params(flags.params, training.params))
    if flags.epochs > 0:
        check_folder(flags.out)

    console.print(_description(corpus))
    console.print(f"\nModel, on batches of {flags.batch_size} x {flags.steps}:")
    tables.show_summary(console, summarize(objective.layer, batch[0]))
    if flags.cross_check:
        rows, checked = CHECKED
        few = next(data.stream_batches(corpus.train, rows, checked))
        small = start(objective, optimizer, jax.random.key(flags.seed), few)._replace(params=training.params)
        prove(console, objective, small, few, f"{rows} x {checked} tokens")
    if flags.epochs == 0:
        _test(console, corpus, objective, training.params)
        return 0

    trained, best = _train(console, flags, corpus, objective, optimizer, training, steps)
    _test(console, corpus, objective, best)
    if trained.interrupted:
        epochs = f"{len(trained.history)} of {flags.epochs} epochs"
        print(f"{PROGRAM}: interrupted after {epochs}; the best so far is written", file=sys.stderr)
        return 130
    return 0


def _load(flags: TrainText) -> Corpus:
    """The text, its parts and their tokens; Refused is raised if it is none, or too short to train on."""
    place = f"--data {flags.data}: "
    with (
        refusing(OSError, prefix=place, status=1),
        refusing(ValueError, ModuleNotFoundError, prefix="--data: ", status=1),
    ):
        text = data.python_docs() if flags.data == "python_docs" else data.read_text(flags.data)
    with refusing(ValueError, prefix=place, status=1):
        parts = data.split_text(text)
    vocabulary = _vocabulary(flags, text, parts.train)
    with refusing(ValueError, prefix=place):
        train, validation, test = map(vocabulary.encode, parts)
    with refusing(ValueError, prefix=f"{place}to train on, "):
        data.stream_batches(train, flags.batch_size, flags.steps)
    with refusing(ValueError, prefix=f"{place}to validate and to test on, "):
        for part in validation, test:
            data.stream_batches(part, 1, 1)
    return Corpus(Path(flags.data).resolve().name, parts, vocabulary, train, validation, test)


def _vocabulary(flags: TrainText, text: str, train: str) -> AnyVocabulary:
    """That of the given parameters, or else one for this text."""
    if flags.params is not None:
        with refusing(OSError, ValueError, ModuleNotFoundError, prefix="--params: "):
            return read_vocabulary(flags.params, read_metadata(flags.params))
    if flags.vocabulary == "characters":
        return data.CharacterVocabulary.from_text(text)
    with refusing(ModuleNotFoundError, prefix="--vocabulary bpe: ", status=1):
        return data.BytePairVocabulary.from_text(train, flags.vocabulary_size)


def _description(corpus: Corpus) -> str:
    counts = ", ".join(f"{len(getattr(corpus, part)):,} to {verb}" for part, verb in PARTS.items())
    return (
        f"{corpus.name}: {sum(map(len, corpus.characters)):,} characters, a vocabulary of {len(corpus.vocabulary):,}; "
        f"tokens: {counts}"
    )


def _train(
    console: Console,
    flags: TrainText,
    corpus: Corpus,
    objective: Supervised,
    optimizer: GradientTransform,
    training: Training,
    steps: int,
) -> tuple[Fit[StreamEpoch], PyTree]:
    """The training, and the parameters that did best on the text to validate; they and the history are on the disk."""
    best_loss, best, written = math.inf, None, False
    history = flags.out / HISTORY
    if flags.params is not None:  # what it begins with is not to be replaced by something worse
        best_loss = stream_loss(objective, training.params, corpus.validation)
        best = jax.tree.map(jnp.copy, training.params)

    def bits(row: StreamEpoch) -> float:
        return _bits(row.validation_loss, corpus.validation, corpus.characters.validation)

    def line(row: StreamEpoch) -> str:
        return (
            f"epoch {row.epoch:>3}   loss {row.train_loss:.4f}   validation {bits(row):.3f} bits a character   "
            f"{row.tokens_per_second:>9,.0f} tokens/s"
        )

    def keep(params: PyTree) -> None:
        nonlocal written
        notes = make_notes(flags, corpus.vocabulary, corpus.name)
        write(console, flags.out / FILE, lambda path: save_params(path, params, notes))
        if not written:  # that of an earlier run would stay beside them, for good if this one diverges
            with refusing(OSError, prefix=f"{history} is of an earlier run and cannot be removed: ", status=1):
                history.unlink(missing_ok=True)
        written = True

    def on_epoch(row: StreamEpoch, params: PyTree) -> None:
        nonlocal best_loss, best
        if row.validation_loss < best_loss:
            best_loss, best = row.validation_loss, jax.tree.map(jnp.copy, params)
            keep(params)
        show(row)
        if console.is_terminal:  # where the bar has room for the latest alone
            console.print(line(row))
        console.print(_sample(objective.layer, params, corpus, row.epoch))

    console.print(f"\nTraining, {steps:,} steps (Ctrl-C stops it and keeps what is learned):")
    with (
        show_progress(console, steps, unit="tokens", line=line, score=lambda row: f"{bits(row):.3f}") as (show, look),
        refusing(FloatingPointError, status=1),
    ):
        trained = fit_stream(
            objective,
            optimizer,
            training,
            corpus.train,
            corpus.validation,
            epochs=flags.epochs,
            batch_size=flags.batch_size,
            steps=flags.steps,
            seed=flags.seed,
            on_epoch=on_epoch,
            on_progress=look,
        )
    console.print()
    last = trained.training.params
    if best is None or (trained.interrupted and stream_loss(objective, last, corpus.validation) < best_loss):
        best, written = last, False
    if not written:
        keep(best)
    write(console, history, lambda path: save_history(path, trained.history, StreamEpoch))
    return trained, best


def _sample(model: Layer, params: PyTree, corpus: Corpus, seed: int) -> str:
    """How the model goes on from the beginning of the text to validate."""
    prompt = corpus.validation[:PROMPT]
    written = models.generate(model, params, jnp.asarray(prompt[None]), SAMPLE, jax.random.key(seed), TEMPERATURE)
    text = corpus.vocabulary.decode(np.concatenate([prompt, written[0]]))
    return textwrap.indent(text, "    ", lambda line: True)


def _test(console: Console, corpus: Corpus, objective: Supervised, params: PyTree) -> None:
    loss = stream_loss(objective, params, corpus.test)
    console.print(f"\ntest: {_bits(loss, corpus.test, corpus.characters.test):.3f} bits a character")


def _bits(loss: float, tokens: np.ndarray, characters: str) -> float:
    """Bits a character by the loss, nats a token: what differs between vocabularies is how many tokens there are."""
    return loss / math.log(2) * len(tokens) / len(characters)
