"""The fourth job: a transformer that learns to write as a text does."""

from dataclasses import replace

import jax
import numpy as np
from rich.console import Console

from backprop_jax import losses, optim
from backprop_jax.cli import tables
from backprop_jax.cli.corpus import Corpus, load_corpus
from backprop_jax.cli.job import make_console, warm_up_and_decay
from backprop_jax.cli.refused import refusing
from backprop_jax.cli.text_flags import TrainGPT
from backprop_jax.cli.text_job import TextJob, run
from backprop_jax.cli.text_model import build_gpt
from backprop_jax.core import residual_bytes
from backprop_jax.core.layer import PyTree
from backprop_jax.models import LanguageModelLoss
from backprop_jax.models.transformer_blocks import RECOMPUTE
from backprop_jax.train import TextWindows, window_loss

__all__ = ["train_gpt"]

MOST = 200_000  # characters of the text to validate and of that to test: reading them takes as long as training on them


def train_gpt(flags: TrainGPT) -> int:
    """The job. Returns the exit status: 0, or 130 or 143 after Ctrl-C or SIGTERM; raises Refused with any other."""
    corpus = load_corpus(flags, MOST)
    rounds = min(flags.rounds, flags.steps)
    steps = max(-(-flags.steps // max(rounds, 1)), 1)  # a round
    with refusing(ValueError, prefix=f"--data {flags.data}: to train on, "):
        texts = TextWindows(corpus.train, corpus.validation, flags.batch_size, flags.length, steps, flags.seed)
    objective, batch = _objective(flags, corpus), next(texts.batches(1))
    schedule = warm_up_and_decay(flags.learning_rate, rounds * steps)
    optimizer = optim.chain(
        optim.clip_by_global_norm(1.0),
        optim.adamw(schedule, b2=0.95, weight_decay=flags.weight_decay, mask=_decays),
    )

    job = TextJob(
        flags,
        corpus,
        objective,
        optimizer,
        texts,
        stretch="round",
        stretches=rounds,
        unit="byte",
        held_out=lambda params, tokens: window_loss(objective, params, tokens, flags.length),
        describe=lambda console: _show_memory(console, flags, corpus, batch),
    )
    return run(make_console(), job)


def _objective(flags: TrainGPT, corpus: Corpus) -> LanguageModelLoss:
    with refusing(ValueError, prefix=f"--width {flags.width} --heads {flags.heads}: "):
        model = build_gpt(corpus.vocabulary, flags)
    return LanguageModelLoss(model, losses.LinearCrossEntropy(len(corpus.vocabulary)))


def _decays(params: PyTree) -> PyTree:
    """Matrices, by their names: the biases of all blocks are stacked, and look like one."""
    return jax.tree.map_with_path(lambda path, leaf: path[-1].key in ("w", "table"), params)


def _show_memory(console: Console, flags: TrainGPT, corpus: Corpus, batch: tuple[np.ndarray, np.ndarray]) -> None:
    sizes = [residual_bytes(_objective(replace(flags, recompute=level), corpus), batch) for level in RECOMPUTE]
    marks = ["this run" if level == flags.recompute else "" for level in RECOMPUTE]
    console.print("\nKept from the forward pass for the backward pass, by what is computed again:")
    rows = [
        (f"--recompute {level}", mark, f"{size:,}") for level, mark, size in zip(RECOMPUTE, marks, sizes, strict=True)
    ]
    tables.show_table(console, ("level", "", "residual bytes"), rows, left=2)
