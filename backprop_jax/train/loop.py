"""The loop inside every training: epochs of steps, a measurement after each, and reports on the way."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.train.guarded_step import GuardedSteps, is_finite
from backprop_jax.train.interrupt import catch_interrupt
from backprop_jax.train.step import Training

__all__ = ["Fit", "Pass", "Progress", "finite", "run_epochs"]

# Steps between two looks at the loss. A look waits for the device; the steps between are dispatched without waiting.
# It bounds the steps in flight too: jax 0.10 on a CPU that poses as several devices may lock up beyond 32 of them.
# Long steps are looked at about every second: a person sees that they go on, and Ctrl-C is not kept waiting.
LOOK_EVERY = 16

Row = TypeVar("Row")


class Progress(NamedTuple):
    """Where training is, told every few steps."""

    epoch: int  # from 1
    epochs: int
    step: int  # steps taken so far
    steps: int  # of the whole training
    loss: float  # of the latest batch, in train mode
    items_per_second: float  # images, or tokens


class Pass(NamedTuple):
    """What the steps of one epoch tell."""

    epoch: int  # from 1
    step: int  # steps taken so far
    loss: float  # mean over the steps, in train mode
    items_per_second: float  # without the step that compiles
    gradient_norms: dict[str, float]  # mean over the steps, by layer path


class Fit(NamedTuple, Generic[Row]):
    """What a training made."""

    training: Training
    history: tuple[Row, ...]
    interrupted: bool  # by Ctrl-C


def run_epochs(
    take: GuardedSteps,
    training: Training,
    begin: Callable[[int, Training], tuple[Training, Iterable[tuple]]],
    measure: Callable[[Training, Pass], Row],
    *,
    epochs: int,
    steps: int,
    items_per_step: int,
    on_epoch: Callable[[Row, Training], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit[Row]:
    """Train for some epochs: `begin(epoch, training)` gives what the epoch starts from, and the inputs of each step
    that `take` is to take; `measure` makes the history's row of an epoch. `steps` is how many there are in all epochs
    together.

    Ctrl-C, or a KeyboardInterrupt from a callback, ends it after the step in hand: the result holds all that was
    learned, with `interrupted` set and without a row for the unfinished epoch.

    Raises:   FloatingPointError, that names the layer, as soon as a step's loss or gradient is seen to be NaN or
              infinite; and where an epoch or an interrupt leaves such parameters: neither a callback nor the result
              ever has them.
    """
    history: list[Row] = []
    taken = 0
    with catch_interrupt() as interrupt:

        def tell(callback: Callable[..., None] | None, *report: Any) -> None:
            try:
                if callback is not None:
                    callback(*report)
            except KeyboardInterrupt:
                interrupt.requested = True

        for epoch in range(1, epochs + 1):
            watched = []
            speed = _Speed(items_per_step, first_compiles=epoch == 1)
            training, inputs_of_steps = begin(epoch, training)
            for inputs in inputs_of_steps:
                taken += 1
                training, outcome = take(training, inputs)
                speed.count(outcome)
                if take.since_look >= speed.steps_to_look:
                    training, outcomes = take.look(training, taken)
                    watched += outcomes
                    tell(on_progress, Progress(epoch, epochs, taken, steps, float(watched[-1][0]), speed.now()))
                if interrupt.requested:
                    training, _ = take.look(training, taken)
                    _require_finite(training.params, taken)
                    return Fit(training, tuple(history), interrupted=True)
            training, outcomes = take.look(training, taken)
            watched += outcomes
            _require_finite(training.params, taken)
            items_per_second = speed.now()
            loss, norms = jax.tree.map(lambda *steps: float(np.mean(steps)), *jax.device_get(watched))
            history.append(measure(training, Pass(epoch, taken, loss, items_per_second, norms)))
            tell(on_epoch, history[-1], training)
            if interrupt.requested:
                break
        return Fit(training, tuple(history), interrupt.requested)


def finite(loss: jax.Array | float, step: int) -> float:
    """The loss by a step. Raises: FloatingPointError if it is none."""
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss became {float(loss)} by step {step}: it diverged, lower the learning rate")
    return float(loss)


def _require_finite(params: PyTree, step: int) -> None:
    """A loss tells of the parameters before its step, and not of all: a row of an embedding may not be read."""
    if not is_finite(params):
        raise FloatingPointError(
            f"parameters became NaN or infinite by step {step}: it diverged, lower the learning rate"
        )


class _Speed:
    """Items a second since the epoch began, or since its first step ended if that one compiles."""

    def __init__(self, items_per_step: int, first_compiles: bool) -> None:
        self.items_per_step, self.uncounted, self.steps = items_per_step, int(first_compiles), 0
        self.steps_to_look = LOOK_EVERY
        self.start = time.perf_counter()

    def count(self, outcome: Any) -> None:
        self.steps += 1
        if self.steps == self.uncounted:
            jax.block_until_ready(outcome)
            self.start = time.perf_counter()
        elif self.steps == self.uncounted + 1:
            jax.block_until_ready(outcome)
            self.steps_to_look = min(max(int(1 / (time.perf_counter() - self.start)), 1), LOOK_EVERY)

    def now(self) -> float:
        return (self.steps - self.uncounted) * self.items_per_step / (time.perf_counter() - self.start)
