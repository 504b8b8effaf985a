"""The training of a language model: a text read in order, side by side in rows, the state going from batch to batch."""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import PyTree, output_like
from backprop_jax.core.objective import Supervised
from backprop_jax.data import stream_batches
from backprop_jax.data.text.token_check import require_tokens
from backprop_jax.train.gradient_norms import in_model_order
from backprop_jax.train.guarded_step import GuardedSteps
from backprop_jax.train.held_out import new_state, stream_loss
from backprop_jax.train.loop import Fit, Pass, Progress, finite, run_epochs
from backprop_jax.train.step import GradientTransform, Training

__all__ = ["StreamEpoch", "fit_stream"]


class StreamEpoch(NamedTuple):
    """One row of the history of a language model. Losses are means over tokens."""

    epoch: int  # from 1
    step: int  # steps taken so far
    train_loss: float  # mean over the epoch's steps, in train mode
    validation_loss: float  # after the epoch, in eval mode, on the whole part
    tokens_per_second: float  # in the epoch's steps, without the one that compiles
    gradient_norms: dict[str, float]  # mean over the epoch's steps, by layer path


def fit_stream(
    objective: Supervised,
    optimizer: GradientTransform,
    training: Training,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    steps: int,
    seed: int = 0,
    replay: str | os.PathLike | None = None,
    on_epoch: Callable[[StreamEpoch, PyTree], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit[StreamEpoch]:
    """Train a model of tokens (B, T) for some passes over a text, `batch_size` rows of `steps` tokens at a time.

    A model that keeps its carry in its state, as `models.char_lm`, is trained by truncated back-propagation through
    time: `steps` is how far back gradients reach. Each epoch starts from the state of a new `init`, for what was read
    last is not what stands at the beginning, and cuts the text elsewhere, by `seed` and the epoch's number; validation
    starts from a new state too. `training` comes from `start`, and its buffers are donated.

    `on_epoch` is called after each epoch with its row and the parameters, to be copied if they are kept: the next step
    takes their buffers. `on_progress`, `replay`, Ctrl-C and what is raised are as in `fit`.

    Shapes:   train, validation (N,) integer.
    Raises:   ValueError if the text is too short for one batch, that for validation has fewer than two tokens, or a
              token is not one of those that the model knows.
    """
    if epochs < 0:
        raise ValueError(f"training takes 0 epochs or more, not {epochs}")
    train = np.asarray(train)
    first, _ = next(stream_batches(train, batch_size, steps)), stream_batches(validation, 1, 1)
    root = jax.random.key(seed)
    _, state = jax.eval_shape(objective.init, root, first)
    size = output_like(objective.layer, training.params, state, first[0]).shape[-1]
    for tokens in (train, validation):
        require_tokens(tokens, size)
    steps_per_epoch, spare = divmod(len(train) - 1, batch_size * steps)

    def begin(epoch: int, training: Training) -> tuple[Training, Iterator[tuple]]:
        offset = np.random.default_rng((seed, epoch)).integers(spare + 1)
        state = new_state(objective, jax.random.fold_in(root, epoch), first)
        return training._replace(state=state), ((batch,) for batch in stream_batches(train[offset:], batch_size, steps))

    def measure(training: Training, done: Pass) -> StreamEpoch:
        return StreamEpoch(
            epoch=done.epoch,
            step=done.step,
            train_loss=done.loss,
            validation_loss=finite(stream_loss(objective, training.params, validation), done.step),
            tokens_per_second=done.items_per_second,
            gradient_norms=in_model_order(done.gradient_norms, objective.layer),
        )

    return run_epochs(
        GuardedSteps(objective, optimizer, replay=replay),
        training,
        begin,
        measure,
        epochs=epochs,
        steps=epochs * steps_per_epoch,
        items_per_step=batch_size * steps,
        on_epoch=None if on_epoch is None else lambda row, training: on_epoch(row, training.params),
        on_progress=on_progress,
    )
