"""The training of a classifier: its examples in another order each epoch, and an evaluation on all of them."""

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised, value_and_grad
from backprop_jax.data import Examples, batches
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.train.evaluate import evaluate
from backprop_jax.train.gradient_norms import in_model_order
from backprop_jax.train.guarded_step import GuardedSteps
from backprop_jax.train.loop import Fit, Pass, Progress, finite, run_epochs
from backprop_jax.train.step import GradientTransform, Training

__all__ = ["Epoch", "fit"]

_fold_in = jax.jit(jax.random.fold_in)  # 0.02 ms a step; operation by operation it takes 0.2


class Epoch(NamedTuple):
    """One row of the history. Losses and accuracies are measured after the epoch in eval mode, on the whole part."""

    epoch: int  # from 1
    step: int  # steps taken so far
    train_loss: float
    train_accuracy: float  # fraction
    validation_loss: float
    validation_accuracy: float  # fraction
    images_per_second: float  # in the epoch's steps, without the one that compiles
    gradient_norms: dict[str, float]  # mean over the epoch's steps, by layer path


def fit(
    objective: Supervised,
    optimizer: GradientTransform,
    training: Training,
    train: Examples,
    validation: Examples,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    augment: Augmentation | None = None,
    differentiate: Callable[[Layer], Callable] = value_and_grad,
    extra: Callable[[PyTree, PyTree, PyTree, jax.Array | None], dict[str, Any]] | None = None,
    replay: str | os.PathLike | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit[Epoch]:
    """Train a classifier for some epochs. `training` comes from `start`, and its buffers are donated.

    The batches of an epoch depend on `seed` and the epoch's number alone, and what `augment` makes of them on `seed`
    and the step's number; it changes what is trained on, not what is evaluated. `differentiate` and `extra` are as in
    `make_step`; what `extra` draws depends on the same two numbers.
    `on_epoch` is called after each epoch, `on_progress` every few steps. Ctrl-C, or a KeyboardInterrupt from a
    callback, ends the training after the step in hand: the result holds all that was learned, with `interrupted` set
    and without a row for the unfinished epoch.

    A step whose loss or gradient is not finite ends the training with an error that names the first layer which made
    such a number, forward or backward, and all that the step starts from is written to the file `replay`, if one is
    named, for `backprop-jax replay`. An optimizer that leaves such gradients out, as `optim.apply_if_finite`, goes on.

    Raises:   ValueError for a batch larger than the data set or a negative number of epochs; FloatingPointError as
              soon as a loss or a gradient is seen to be NaN or infinite.
    """
    if epochs < 0:
        raise ValueError(f"training takes 0 epochs or more, not {epochs}")
    batches(train, batch_size, seed)  # refuses a bad batch size before anything is compiled
    root = jax.random.key(seed)
    steps_per_epoch = len(train) // batch_size

    def inputs(epoch: int) -> Iterator[tuple]:
        for taken, batch in enumerate(batches(train, batch_size, (seed, epoch)), 1 + (epoch - 1) * steps_per_epoch):
            yield batch, None if augment is None and extra is None else _fold_in(root, taken)

    def measure(training: Training, done: Pass) -> Epoch:
        fitted, held_out = (evaluate(objective, *training[:2], part) for part in (train, validation))
        return Epoch(
            epoch=done.epoch,
            step=done.step,
            train_loss=finite(fitted.loss, done.step),
            train_accuracy=fitted.accuracy,
            validation_loss=finite(held_out.loss, done.step),
            validation_accuracy=held_out.accuracy,
            images_per_second=done.items_per_second,
            gradient_norms=in_model_order(done.gradient_norms, objective.layer),
        )

    return run_epochs(
        GuardedSteps(objective, optimizer, differentiate, augment, extra, replay),
        training,
        lambda epoch, training: (training, inputs(epoch)),
        measure,
        epochs=epochs,
        steps=epochs * steps_per_epoch,
        items_per_step=batch_size,
        on_epoch=None if on_epoch is None else lambda row, training: on_epoch(row),
        on_progress=on_progress,
    )
