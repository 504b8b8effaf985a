"""The training loop: epochs of steps, an evaluation after each, and reports on the way."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from backprop_jax.core.objective import Supervised
from backprop_jax.data import Examples, batches
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.train.evaluate import evaluate
from backprop_jax.train.gradient_norms import gradient_norms, in_model_order
from backprop_jax.train.interrupt import catch_interrupt
from backprop_jax.train.step import GradientTransform, Training, make_step

__all__ = ["Epoch", "Fit", "Progress", "fit"]

# Steps between two looks at the loss. A look waits for the device; the steps between are dispatched without waiting.
# It bounds the steps in flight too: jax 0.10 on a CPU that poses as several devices may lock up beyond 32 of them.
LOOK_EVERY = 16

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


class Progress(NamedTuple):
    """Where training is, told every few steps."""

    epoch: int  # from 1
    epochs: int
    step: int  # steps taken so far
    steps: int  # of the whole training
    loss: float  # of the latest batch, in train mode
    images_per_second: float


class Fit(NamedTuple):
    """What a training made."""

    training: Training
    history: tuple[Epoch, ...]
    interrupted: bool  # by Ctrl-C


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
    on_epoch: Callable[[Epoch], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train a classifier for some epochs. `training` comes from `start`, and its buffers are donated.

    The batches of an epoch depend on `seed` and the epoch's number alone, and what `augment` makes of them on `seed`
    and the step's number; it changes what is trained on, not what is evaluated. `on_epoch` is called after each
    epoch, `on_progress` every few steps. Ctrl-C, or a KeyboardInterrupt from a callback, ends the training after the
    step in hand: the result holds all that was learned, with `interrupted` set and without a row for the unfinished
    epoch.

    Raises:   ValueError for a batch larger than the data set or a negative number of epochs; FloatingPointError as
              soon as the loss is seen to be NaN or infinite.
    """
    if epochs < 0:
        raise ValueError(f"training takes 0 epochs or more, not {epochs}")
    batches(train, batch_size, seed)  # refuses a bad batch size before anything is compiled
    step = make_step(objective, optimizer, watch=gradient_norms, augment=augment)
    root = jax.random.key(seed)
    steps_per_epoch = len(train) // batch_size
    history: list[Epoch] = []
    with catch_interrupt() as interrupt:

        def tell(callback: Callable[[Any], None] | None, report: Epoch | Progress) -> None:
            try:
                if callback is not None:
                    callback(report)
            except KeyboardInterrupt:
                interrupt.requested = True

        for epoch in range(1, epochs + 1):
            taken, watched = (epoch - 1) * steps_per_epoch, []
            speed = _Speed(batch_size, first_compiles=epoch == 1)
            for batch in batches(train, batch_size, (seed, epoch)):
                taken += 1
                key = None if augment is None else _fold_in(root, taken)
                training, outcome = step(training, batch, key)
                watched.append(outcome)
                speed.count(outcome)
                if len(watched) % LOOK_EVERY == 0:
                    loss = _finite(outcome[0], taken)
                    tell(on_progress, Progress(epoch, epochs, taken, epochs * steps_per_epoch, loss, speed.now()))
                if interrupt.requested:
                    return Fit(training, tuple(history), interrupted=True)
            _finite(watched[-1][0], taken)
            images_per_second = speed.now()
            norms = jax.tree.map(lambda *steps: float(np.mean(steps)), *(norms for _, norms in jax.device_get(watched)))
            fitted, held_out = (evaluate(objective, *training[:2], part) for part in (train, validation))
            history.append(
                Epoch(
                    epoch=epoch,
                    step=taken,
                    train_loss=_finite(fitted.loss, taken),
                    train_accuracy=fitted.accuracy,
                    validation_loss=_finite(held_out.loss, taken),
                    validation_accuracy=held_out.accuracy,
                    images_per_second=images_per_second,
                    gradient_norms=in_model_order(norms, objective.layer),
                )
            )
            tell(on_epoch, history[-1])
            if interrupt.requested:
                break
        return Fit(training, tuple(history), interrupt.requested)


def _finite(loss: jax.Array | float, step: int) -> float:
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss became {float(loss)} by step {step}: it diverged, lower the learning rate")
    return float(loss)


class _Speed:
    """Images a second since the epoch began, or since its first step ended if that one compiles."""

    def __init__(self, batch_size: int, first_compiles: bool) -> None:
        self.batch_size, self.uncounted, self.steps = batch_size, int(first_compiles), 0
        self.start = time.perf_counter()

    def count(self, outcome: Any) -> None:
        self.steps += 1
        if self.steps == self.uncounted:
            jax.block_until_ready(outcome)
            self.start = time.perf_counter()

    def now(self) -> float:
        return (self.steps - self.uncounted) * self.batch_size / (time.perf_counter() - self.start)
