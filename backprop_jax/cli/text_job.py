"""What a training on text does on the command line: train, show what it writes on the way, keep the best, and test."""

import math
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from backprop_jax.cli import tables
from backprop_jax.cli.bits import Unit, bits_of_unit
from backprop_jax.cli.corpus import Corpus
from backprop_jax.cli.flags import PROGRAM
from backprop_jax.cli.job import check_folder, prove, write
from backprop_jax.cli.recording import recording
from backprop_jax.cli.refused import refusing
from backprop_jax.cli.text_flags import TrainGPT, TrainText
from backprop_jax.cli.text_model import FILE, Writer, make_notes
from backprop_jax.core import summarize
from backprop_jax.core.layer import PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.files.tensors import read_metadata
from backprop_jax.models import LanguageModelLoss
from backprop_jax.train import (
    Fit,
    TextEpoch,
    TextStream,
    TextWindows,
    Training,
    each,
    fit,
    load_params,
    save_history,
    save_params,
    show_progress,
    start,
)
from backprop_jax.train.step import GradientTransform

__all__ = ["TextJob", "run"]

HISTORY = "history.csv"
SCORE = "validation_loss"  # of the parameters in a file, in its notes
CHECKED = 4, 8  # rows and steps in the cross-check, at most
PROMPT, SAMPLE = 20, 200  # tokens of a sample: those given, the beginning of the text to validate, and those written
TEMPERATURE = 0.7  # of a sample


@dataclass(frozen=True, eq=False)
class TextJob:
    """What one training on text differs in from another."""

    flags: TrainText | TrainGPT
    corpus: Corpus
    objective: Supervised | LanguageModelLoss
    optimizer: GradientTransform
    texts: TextStream | TextWindows
    stretch: Literal["epoch", "round"]  # the steps after which it is validated
    stretches: int
    unit: Unit  # of the text, which the bits are counted for
    held_out: Callable[[PyTree, np.ndarray], float]  # the loss of a token
    describe: Callable[[Console], None] | None = None  # what else is to be said before it runs

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.stretches * self.texts.steps_per_epoch

    def bits(self, loss: float, tokens: np.ndarray) -> float:
        return bits_of_unit(self.corpus.vocabulary, self.unit, loss, tokens)


def run(console: Console, job: TextJob) -> int:
    """Do the job. Returns the exit status: 0, or 130 or 143 after Ctrl-C or SIGTERM; Refused is raised if it fails."""
    flags, corpus, objective = job.flags, job.corpus, job.objective
    batch = next(job.texts.batches(1))
    training = start(objective, job.optimizer, jax.random.key(flags.seed), batch)
    if flags.params is not None:
        with refusing(OSError, ValueError, prefix="--params: "):
            training = training._replace(params=load_params(flags.params, training.params))
    if job.steps > 0:
        check_folder(flags.out)

    console.print(str(corpus))
    rows, steps = batch[0].shape
    console.print(f"\nModel, on batches of {rows} x {steps}:")
    tables.show_summary(console, summarize(objective.layer, batch[0]))
    if job.describe is not None:
        job.describe(console)
    if flags.cross_check:
        few = tuple(part[: CHECKED[0], : CHECKED[1]] for part in batch)
        small = start(objective, job.optimizer, jax.random.key(flags.seed), few)._replace(params=training.params)
        prove(console, objective, small, few, "{} x {} tokens".format(*few[0].shape))
    if job.steps == 0:
        _test(console, job, training.params)
        return 0

    trained, best = _train(console, job, training, batch)
    _test(console, job, best)
    if trained.interrupted:
        done = f"{len(trained.history)} of {job.stretches} {job.stretch}s"
        print(f"{PROGRAM}: interrupted after {done}; the best so far is written", file=sys.stderr)
        return 128 + trained.interrupted
    return 0


def _train(console: Console, job: TextJob, training: Training, batch: tuple) -> tuple[Fit[TextEpoch], PyTree]:
    """The training, and the parameters that did best on the text to validate; they and the history are on the disk."""
    flags, corpus, validation = job.flags, job.corpus, job.corpus.validation
    best_loss, best, written = math.inf, None, False
    history = flags.out / HISTORY
    if flags.resume and (flags.out / FILE).exists():
        with refusing(OSError, ValueError, prefix=f"--out {flags.out}: "):
            best_loss = float(read_metadata(flags.out / FILE).get(SCORE, "inf"))
            best, written = load_params(flags.out / FILE, training.params), True
    elif flags.params is not None:  # what it begins with is not to be replaced by something worse
        best_loss = job.held_out(training.params, validation)
        best = jax.tree.map(jnp.copy, training.params)

    def bits(row: TextEpoch) -> float:
        return job.bits(row.validation_loss, validation)

    def line(row: TextEpoch) -> str:
        speed = row.tokens_per_second  # 0 for a stretch of the step alone that compiles
        left = (job.steps - row.step) * job.texts.items_per_step / speed if speed else 0
        return (
            f"{job.stretch} {row.epoch:>3}   loss {row.train_loss:.4f}   "
            f"validation {bits(row):.3f} bits a {job.unit}   {speed:>9,.0f} tokens/s   "
            f"{int(left) // 60}:{int(left) % 60:02} to go"
        )

    def keep(params: PyTree, loss: float) -> None:
        nonlocal written
        notes = make_notes(flags, corpus.vocabulary, corpus.name) | {SCORE: repr(loss)}
        write(console, flags.out / FILE, lambda path: save_params(path, params, notes))
        written = True

    def on_stretch(row: TextEpoch, training: Training) -> None:
        nonlocal best_loss, best
        params = training.params
        if row.validation_loss < best_loss:
            best_loss, best = row.validation_loss, jax.tree.map(jnp.copy, params)
            keep(params, best_loss)
        show(row, training)
        if console.is_terminal:  # where the bar has room for the latest alone
            console.print(line(row))
        console.print(_sample(job, params, row.epoch))

    def score(row: TextEpoch) -> str:
        return f"{bits(row):.3f}"

    console.print(f"\nTraining, {job.steps:,} steps (Ctrl-C stops it and keeps what is learned):")
    words = {"unit": "tokens", "stretch": job.stretch}
    with (
        recording(PROGRAM, flags, job.objective, job.optimizer, batch) as record,
        show_progress(console, job.steps, line=line, score=score, **words) as (show, look),
    ):
        trained = fit(
            job.objective,
            job.optimizer,
            training,
            job.texts,
            epochs=job.stretches,
            on_epoch=each(on_stretch, record.on_epoch),
            on_progress=each(look, record.on_progress),
            **record.options,
        )
    console.print()
    last = trained.training.params
    if best is None or trained.interrupted:
        last_loss = job.held_out(last, validation)
        if last_loss < best_loss:
            best, best_loss, written = last, last_loss, False
    if not written:
        keep(best, best_loss)
    write(console, history, lambda path: save_history(path, trained.history, TextEpoch))
    return trained, best


def _sample(job: TextJob, params: PyTree, seed: int) -> str:
    """How the model goes on from the beginning of the text to validate."""
    writer = Writer(job.corpus.vocabulary, job.objective.layer, params)
    text = writer.write(job.corpus.validation[:PROMPT], SAMPLE, seed, temperature=TEMPERATURE)
    return textwrap.indent(text, "    ", lambda line: True)


def _test(console: Console, job: TextJob, params: PyTree) -> None:
    loss = job.held_out(params, job.corpus.test)
    console.print(f"\ntest: {job.bits(loss, job.corpus.test):.3f} bits a {job.unit}")
