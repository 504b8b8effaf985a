"""The training of a transformer that writes: pieces from anywhere in a text, no state between them."""

import os
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.data import random_windows, stream_batches
from backprop_jax.data.text.token_check import require_tokens
from backprop_jax.models import LanguageModelLoss
from backprop_jax.train.gradient_norms import in_model_order
from backprop_jax.train.guarded_step import GuardedSteps
from backprop_jax.train.held_out import window_loss
from backprop_jax.train.loop import Fit, Pass, Progress, finite, run_epochs
from backprop_jax.train.step import GradientTransform, Training
from backprop_jax.train.stream_fit import StreamEpoch

__all__ = ["fit_windows"]


def fit_windows(
    objective: LanguageModelLoss,
    optimizer: GradientTransform,
    training: Training,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    steps: int,
    rounds: int,
    batch_size: int,
    length: int,
    seed: int = 0,
    replay: str | os.PathLike | None = None,
    on_round: Callable[[StreamEpoch, PyTree], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit[StreamEpoch]:
    """Train a model of tokens (B, T) for some steps on a text, `batch_size` windows of `length` tokens each.

    The windows are drawn at random, by `seed`. The text may be larger than the memory, by `data.read_tokens`. It is
    validated after each of `rounds` stretches of steps, as long as each other but for the last; a stretch is an epoch
    of the history. `training` comes from `start`, and its buffers are donated.

    `on_round` is called after each stretch with its row and the parameters, to be copied if they are kept: the next
    step takes their buffers. `on_progress`, `replay`, Ctrl-C and what is raised are as in `fit`.

    Shapes:   train, validation (N,) integer.
    Raises:   ValueError if the text is too short for one window, that for validation has fewer than two tokens, a token
              is not one of those that the model knows, steps is negative, or rounds is less than 1.
    """
    if steps < 0 or rounds < 1:
        raise ValueError(f"training takes 0 steps or more and 1 round or more, not {steps} and {rounds}")
    windows, _ = random_windows(train, batch_size, length, seed), stream_batches(validation, 1, 1)
    for tokens in (train, validation):
        require_tokens(tokens, objective.layer.embedding.num_embeddings)
    starts = range(0, steps, max(-(-steps // rounds), 1))

    def begin(number: int, training: Training) -> tuple[Training, Iterator[tuple]]:
        return training, ((batch,) for batch in islice(windows, min(starts.step, steps - starts[number - 1])))

    def measure(training: Training, done: Pass) -> StreamEpoch:
        return StreamEpoch(
            epoch=done.epoch,
            step=done.step,
            train_loss=done.loss,
            validation_loss=finite(window_loss(objective, training.params, validation, length), done.step),
            tokens_per_second=done.items_per_second,
            gradient_norms=in_model_order(done.gradient_norms, objective.layer),
        )

    return run_epochs(
        GuardedSteps(objective, optimizer, replay=replay),
        training,
        begin,
        measure,
        epochs=len(starts),
        steps=steps,
        items_per_step=batch_size * length,
        on_epoch=None if on_round is None else lambda row, training: on_round(row, training.params),
        on_progress=on_progress,
    )
