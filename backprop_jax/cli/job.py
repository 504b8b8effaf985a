"""What a training on images does on the command line: prove the gradients, train, test, and write what came of it."""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import jax
from rich.console import Console

from backprop_jax import optim
from backprop_jax.cli import tables
from backprop_jax.cli.flags import PROGRAM, TrainDigits, TrainImages
from backprop_jax.cli.recording import recording
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.run_flags import HERE
from backprop_jax.core import summarize
from backprop_jax.core.layer import Layer
from backprop_jax.core.objective import Supervised
from backprop_jax.data import Examples, ImageDataset
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.testing import cross_check
from backprop_jax.train import (
    Evaluation,
    Fit,
    Labelled,
    Training,
    confusion_matrix,
    each,
    evaluate,
    fit,
    load_model,
    save_history,
    save_model,
    save_report,
    show_progress,
    start,
)
from backprop_jax.train.step import GradientTransform

__all__ = [
    "Job",
    "check_folder",
    "count_steps",
    "make_console",
    "prove",
    "run",
    "show_test",
    "warm_up_and_decay",
    "write",
]

CHECKED = 4  # images in the cross-check: enough to sum over, few enough that central differences stay exact
TOLERANCE = 1e-6  # of a float64 gradient; right ones are within 1e-8, wrong ones beyond 1e-3
MOST_COLUMNS = 20  # of a confusion matrix on the terminal
WATCHED = 256  # images by which the health of the layers is told


@dataclass(frozen=True, eq=False)
class Job:
    """What one training differs in from another."""

    flags: TrainDigits | TrainImages
    dataset: ImageDataset  # as the model sees it
    pictures: Examples  # the test images as people see them
    objective: Supervised
    optimizer: GradientTransform
    augment: Augmentation | None = None
    notes: Mapping[str, str] = field(default_factory=dict)  # beside the flags, for the parameter file's header


def make_console() -> Console:
    """The terminal; in a file or a pipe a line stays one line."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.soft_wrap = not console.is_terminal
    return console


def count_steps(flags: TrainDigits | TrainImages, dataset: ImageDataset) -> int:
    """Steps of the whole training; Refused is raised if there are fewer images than a batch takes."""
    if flags.epochs == 0:
        return 0
    if flags.batch_size > len(dataset.train):
        raise Refused(f"--batch-size {flags.batch_size} is larger than the {len(dataset.train)} training images")
    return flags.epochs * (len(dataset.train) // flags.batch_size)


def warm_up_and_decay(peak: float, steps: int) -> Callable:
    """The learning rate: up over the first twentieth of the steps, then down to 0 along a cosine."""
    return optim.warmup_cosine_decay_schedule(0.0, peak, warmup_steps=steps // 20, decay_steps=max(steps, 1))


def run(console: Console, job: Job) -> Fit | None:
    """Do the job. With 0 epochs the model is only tested, and there is no result; Refused is raised for what fails."""
    flags, dataset, objective = job.flags, job.dataset, job.objective
    batch = dataset.train.x[: flags.batch_size], dataset.train.y[: flags.batch_size]
    with refusing(ValueError, prefix=f"--model {flags.model}, images of shape {list(dataset.image_shape)}: "):
        training = start(objective, job.optimizer, jax.random.key(flags.seed), batch)
    if flags.params is not None:
        with refusing(OSError, ValueError, prefix="--params: "):
            params, state = load_model(flags.params, training.params, training.state)
        training = training._replace(params=params, state=state)
    if flags.epochs > 0:
        check_folder(flags.out)

    console.print(_description(dataset))
    console.print(f"\nModel, on batches of {len(batch[0])} images:")
    tables.show_summary(console, summarize(objective.layer, batch[0]))
    if flags.cross_check:
        examples = dataset.train[:CHECKED]
        prove(console, objective, training, (examples.x, examples.y), f"{len(examples)} images")
    if flags.epochs == 0:
        _test(console, objective, training, dataset)
        return None

    steps = count_steps(flags, dataset)
    console.print(f"\nTraining, {steps:,} steps (Ctrl-C stops it and keeps what is learned):")
    watched = dataset.validation.x[:WATCHED], dataset.validation.y[:WATCHED]
    with (
        recording(PROGRAM, flags, objective, job.optimizer, watched) as record,
        show_progress(console, steps) as (on_epoch, on_progress),
    ):
        trained = fit(
            objective,
            job.optimizer,
            training,
            Labelled(dataset.train, dataset.validation, flags.batch_size, flags.seed),
            epochs=flags.epochs,
            augment=job.augment,
            on_epoch=each(on_epoch, record.on_epoch),
            on_progress=each(on_progress, record.on_progress),
            **record.options,
        )
    _write_training(console, job, trained)  # before all else, for a Ctrl-C from here on ends the job
    result = _test(console, objective, trained.training, dataset)
    _write_report(console, job, trained, result)
    if trained.interrupted:
        epochs = f"{len(trained.history)} of {flags.epochs} epochs"
        print(f"{PROGRAM}: interrupted after {epochs}; everything so far is written", file=sys.stderr)
    return trained


def _description(dataset: ImageDataset) -> str:
    train, validation, test = (len(part) for part in (dataset.train, dataset.validation, dataset.test))
    height, width, channels = dataset.image_shape
    return (
        f"{dataset.name}: {train + validation + test:,} images, {height}x{width} pixels, "
        f"{'grey' if channels == 1 else 'colour'}, {dataset.classes} classes; "
        f"{train:,} to train, {validation:,} to validate, {test:,} to test"
    )


def check_folder(folder: Path) -> None:
    """Make the folder and a file in it, so that an hour of training is not lost to a typing error."""
    with refusing(OSError, prefix=f"--out {folder} is no folder that can be written: "):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def prove(console: Console, objective: Layer, training: Training, batch: tuple, words: str) -> None:
    """Print how far each hand-written gradient is from the oracles; refuse to train with a wrong one."""
    console.print(f"\nRelative difference of the hand-written gradient, on {words} in float64:")
    checks = cross_check(objective, training.params, training.state, batch)
    tables.show_cross_check(console, checks)
    for check in checks:
        if not check.against_jax_grad < TOLERANCE:
            where = f"of layer {check.path}" if check.path else "of the whole objective"
            raise Refused(f"the gradient {where} differs from jax.grad by {check.against_jax_grad:.1e}", status=1)


def _test(console: Console, objective: Supervised, training: Training, dataset: ImageDataset) -> Evaluation:
    result = evaluate(objective, training.params, training.state, dataset.test)
    show_test(console, "\n", result, dataset)
    return result


def show_test(console: Console, before: str, result: Evaluation, dataset: ImageDataset) -> None:
    """Print accuracy and loss on the test images, behind what is to stand before, and which are taken for which."""
    predicted = result.scores.argmax(-1)
    right = int((predicted == dataset.test.y).sum())
    told = f"test accuracy {result.accuracy:.2%} ({right} of {len(dataset.test)}), loss {result.loss:.4f}"
    console.print(before + told)
    if dataset.classes <= MOST_COLUMNS:
        counts = confusion_matrix(dataset.test.y, predicted, dataset.classes)
        console.print("\nConfusion matrix, predicted class by column:")
        tables.show_confusion(console, counts, dataset.class_names)


def _write_training(console: Console, job: Job, trained: Fit) -> None:
    params, state, _ = trained.training
    console.print()
    write(console, job.flags.out / "params.safetensors", lambda path: save_model(path, params, state, _notes(job)))
    write(console, job.flags.out / "history.csv", lambda path: save_history(path, trained.history))


def _notes(job: Job) -> dict[str, str]:
    """The settings, without the places on this machine: a parameter file is passed on to others."""
    settings = asdict(job.flags) | {"data": job.dataset.name}
    return {name: str(value) for name, value in settings.items() if name not in HERE} | dict(job.notes)


def _write_report(console: Console, job: Job, trained: Fit, result: Evaluation) -> None:
    count = len(trained.history)
    epochs = f"{count} epoch{'s' if count != 1 else ''}"
    title = f"{job.dataset.name}, {job.flags.model}, {epochs}: test accuracy {result.accuracy:.2%}"
    report = trained.history, job.pictures, result.scores, job.dataset.class_names
    console.print()
    write(console, job.flags.out / "report.png", lambda path: save_report(path, title, *report))


def write(console: Console, path: Path, save: Callable[[Path], None]) -> None:
    """Have a file written, and say so."""
    with refusing(OSError, prefix=f"{path} cannot be written: ", status=1):
        save(path)
    console.print(f"written: {path}")
