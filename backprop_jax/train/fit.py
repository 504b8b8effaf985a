"""Training: epochs of steps, a measurement after each, reports and checkpoints on the way."""

import math
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.optim.leafwise import all_finite
from backprop_jax.train.checkpoints import Checkpoints, OtherTraining
from backprop_jax.train.gradient_norms import in_model_order
from backprop_jax.train.guarded_step import GuardedSteps
from backprop_jax.train.interrupt import catch_interrupt
from backprop_jax.train.out_of_memory import explaining_memory
from backprop_jax.train.position import Position, resumed
from backprop_jax.train.records import Progress, Speed, StepRecord
from backprop_jax.train.saving import Saving
from backprop_jax.train.step import GradientTransform, Training
from backprop_jax.train.training_data import Pass, TrainingData

__all__ = ["Fit", "fit"]

Row = TypeVar("Row")

_all_finite = jax.jit(all_finite)
_fold_in = jax.jit(jax.random.fold_in)  # 0.02 ms a step; operation by operation it takes 0.2


class Fit(NamedTuple, Generic[Row]):
    """What a training made."""

    training: Training
    history: tuple[Row, ...]
    interrupted: signal.Signals | None  # by Ctrl-C (SIGINT) or SIGTERM, if it was


def fit(
    objective: Layer,
    optimizer: GradientTransform,
    training: Training,
    data: TrainingData[Row],
    *,
    epochs: int,
    augment: Augmentation | None = None,
    differentiate: Callable[[Layer], Callable] = value_and_grad,
    extra: Callable[[PyTree, PyTree, PyTree, jax.Array | None], dict[str, Any]] | None = None,
    steps_per_call: int = 1,
    stop: Callable[[Sequence[Row]], bool] | None = None,
    checkpoints: Checkpoints | None = None,
    resume: bool = False,
    replay: str | os.PathLike | None = None,
    on_epoch: Callable[[Row, Training], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit[Row]:
    """Train for some epochs. `training` comes from `start`, and its buffers are donated.

        trained = fit(objective, optimizer, training, Labelled(train, validation, batch_size=32), epochs=10)

    `augment` changes what is trained on, not what is measured; `differentiate` and `extra` are as in `make_step`. What
    these draw depends on the data's seed and the step's number. With `steps_per_call` so many steps are one call of the
    compiled program, which pays for models whose step takes less than about a millisecond. (After a step that an
    optimizer forgives they are taken one by one until the next look, and may round differently.)

    After each epoch comes its row of the history, and `on_epoch(row, training)`, which has to copy what it keeps: the
    next step takes the buffers. `on_progress` is called every few steps. `each` makes one function of several. The
    training ends early if `stop(history)` is true after an epoch, as `early_stopping(patience=5)`.

    Ctrl-C or SIGTERM, or a KeyboardInterrupt from a callback, ends it after the step in hand: the result holds all that
    was learned, with the signal in `interrupted` and without a row for the unfinished epoch.

    With `checkpoints` one is written after each epoch, with the row's validation_loss as its score, at the end or an
    interrupt, and every `checkpoints.every_seconds`; of very short epochs only the best and enough to spend no more
    than 3 % of the time. That one could not be written is warned of. With `resume` the training goes on from the latest
    one that is whole, or begins where there is none: from there on all is as if it had never stopped, bit for bit.
    `epochs` may be more than before.

    A step whose loss or gradient is not finite ends the training with an error that names the first layer which made
    such a number, forward or backward, and all that the step starts from is written to the file `replay`, if one is
    named, for `backprop-jax replay`. An optimizer that leaves such gradients out, as `optim.apply_if_finite`, goes on.

    Raises:   ValueError for a negative number of epochs, fewer than one step a call, and data that do not suit the
              objective; its kind OtherTraining without `resume` for checkpoints of an earlier training in the folder,
              and with it for those of another model or other data; OSError if none can be read; FloatingPointError as
              soon as a loss or a gradient is seen to be NaN or infinite, or an epoch or an interrupt leaves such
              parameters: neither a callback nor a checkpoint ever has them.
    """
    if whole_number(epochs, least=0) is None:
        raise ValueError(f"training takes 0 epochs or more, not {epochs!r}")
    if whole_number(steps_per_call, least=1) is None:
        raise ValueError(f"a call takes 1 step or more, not {steps_per_call!r}")
    data.check(objective, training)
    position, training = _begin(training, data, checkpoints, resume)
    take = GuardedSteps(objective, optimizer, training.params, differentiate, augment, extra, replay)
    draws = augment is not None or extra is not None
    saving = None if checkpoints is None else Saving(checkpoints, data, position, epochs)
    model, first_epoch = getattr(objective, "layer", objective), position.epoch
    paths: list[str] = []  # of the layers with a gradient norm

    def look(speed: Speed, training: Training) -> Training:
        """Wait for the steps, take down what they tell, and report it."""
        training, outcomes = take.look(training, position.step)
        if outcomes:
            paths[:] = paths or in_model_order(outcomes[0][1], model)
            first = position.step - len(outcomes) + 1
            records = tuple(
                StepRecord(number, float(loss), {path: float(norms[path]) for path in paths})
                for number, (loss, norms) in enumerate(outcomes, first)
            )
            position.sums.add(records)
            total = position.step + (epochs - position.epoch + 1) * data.steps_per_epoch - position.sums.steps
            place = position.epoch, epochs, position.step, total, records[-1].loss
            tell(on_progress, Progress(*place, speed.items_per_second(), speed.waiting(), records))
        return training

    def settle(speed: Speed, training: Training) -> Training:
        """A look, after which the training is fit to be measured, kept and given away."""
        training = look(speed, training)
        _require_finite(training.params, position.step)
        return training

    with catch_interrupt() as interrupt:

        def tell(callback: Callable[..., None] | None, *report: Any) -> None:
            try:
                if callback is not None:
                    callback(*report)
            except KeyboardInterrupt:
                interrupt.requested = signal.SIGINT

        while position.epoch <= epochs and not (stop is not None and position.history and stop(position.history)):
            speed = Speed(data.items_per_step, first_compiles=position.epoch == first_epoch)
            if position.sums.steps == 0:
                training = training._replace(state=data.state_of_epoch(objective, position.epoch, training.state))
            batches = data.batches(position.epoch, position.sums.steps)
            inputs = _inputs(batches, position.step, jax.random.key(data.seed) if draws else None)
            left = data.steps_per_epoch - position.sums.steps
            for call in _calls(speed.waiting_for(inputs), left, steps_per_call):
                training, outcome = take(training, call)
                position.step += len(call)
                left -= len(call)
                with explaining_memory(objective, training, call[0][0]):  # it waits for the first steps
                    speed.count(outcome, len(call))
                if take.since_look >= speed.steps_to_look:
                    training = look(speed, training)
                if interrupt.requested is not None:
                    training = settle(speed, training)
                    if saving is not None:
                        saving.now(position, training)
                    return Fit(training, tuple(position.history), interrupt.requested)
                if saving is not None and saving.is_due and left:
                    training = settle(speed, training)
                    saving.now(position, training)
            training = settle(speed, training)
            if not position.sums.steps:
                raise ValueError(f"the data have no batch in epoch {position.epoch}")
            row = data.measure(objective, training, _pass(position, speed))
            _require_finite_losses(row, position.step)
            position.next_epoch(row)
            tell(on_epoch, row, training)
            if saving is not None:
                saving.after_epoch(position, training)
            if interrupt.requested is not None:
                break
        if saving is not None and position.history:
            saving.now(position, training)
        return Fit(training, tuple(position.history), interrupt.requested)


def _begin(
    training: Training, data: TrainingData, checkpoints: Checkpoints | None, resume: bool
) -> tuple[Position, Training]:
    if checkpoints is None:
        if resume:
            raise ValueError("to resume takes checkpoints: fit(..., checkpoints=Checkpoints(folder), resume=True)")
        return Position(), training
    if resume:
        return resumed(checkpoints, training, data)
    if checkpoints.steps:
        raise OtherTraining(
            f"{checkpoints.folder} has checkpoints of an earlier training, up to step {checkpoints.steps[-1]}: go on "
            "with resume=True, or take another folder, or remove them by discard_after(-1)"
        )
    return Position(), training


def _inputs(batches: Iterable[PyTree], step: int, root: jax.Array | None) -> Iterator[tuple]:
    """Of each step its batch and, where something is drawn, its key."""
    for number, batch in enumerate(batches, step + 1):
        yield (batch,) if root is None else (batch, _fold_in(root, number))


def _calls(inputs: Iterator[tuple], left: int, size: int) -> Iterator[list[tuple]]:
    """The inputs of `size` steps at a time, while there are as many, and then of one: two programs are compiled."""
    for _ in range(left // size if size > 1 else 0):
        if call := list(islice(inputs, size)):
            yield call
    for one in inputs:
        yield [one]


def _pass(position: Position, speed: Speed) -> Pass:
    sums = position.sums
    norms = {layer: norm / sums.steps for layer, norm in sums.gradient_norms.items()}
    return Pass(position.epoch, position.step, sums.loss / sums.steps, speed.items_per_second(), norms)


def _require_finite(params: PyTree, step: int) -> None:
    """A loss tells of the parameters before its step, and not of all: a row of an embedding may not be read."""
    if not _all_finite(params):
        raise FloatingPointError(
            f"parameters became NaN or infinite by step {step}: it diverged, lower the learning rate"
        )


def _require_finite_losses(row: Any, step: int) -> None:
    for name, value in row._asdict().items():
        if name.endswith("loss") and not math.isfinite(value):
            raise FloatingPointError(f"the {name} became {value} by step {step}: it diverged, lower the learning rate")
