"""The main job: prove the gradients, learn to read digits, and say how well."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import jax
from rich.console import Console

from backprop_jax import data, losses, models, optim
from backprop_jax.cli import tables
from backprop_jax.cli.flags import PROGRAM, TrainDigits
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.core import summarize, supervised
from backprop_jax.core.layer import Layer
from backprop_jax.core.objective import Supervised
from backprop_jax.data import ImageDataset
from backprop_jax.testing import cross_check
from backprop_jax.train import (
    Evaluation,
    Fit,
    Training,
    confusion_matrix,
    evaluate,
    fit,
    load_params,
    save_history,
    save_params,
    save_report,
    show_progress,
    start,
    step_times,
)
from backprop_jax.train.step import GradientTransform

__all__ = ["train_digits"]

CHECKED = 4  # images in the cross-check: enough to sum over, few enough that central differences stay exact
TOLERANCE = 1e-3  # of a float32 gradient; right ones are within 1e-5, wrong ones beyond 1e-1


def train_digits(flags: TrainDigits) -> int:
    """The main job. Returns the exit status: 0, or 130 if Ctrl-C ended the training; raises Refused with any other."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.soft_wrap = not console.is_terminal  # in a file or a pipe a line stays one line
    dataset = _load_data(flags)
    steps = flags.epochs * (len(dataset.train) // flags.batch_size)
    objective = supervised(_model(flags, dataset), losses.CrossEntropy(label_smoothing=flags.label_smoothing))
    optimizer = _optimizer(flags, steps)
    batch = dataset.train.x[: flags.batch_size], dataset.train.y[: flags.batch_size]
    training = start(objective, optimizer, jax.random.key(flags.seed), batch)
    if flags.params is not None:
        with refusing(OSError, ValueError, prefix="--params: "):
            training = training._replace(params=load_params(flags.params, training.params))
    if flags.epochs > 0:
        _check_folder(flags.out)

    console.print(_description(dataset))
    console.print(f"\nModel, on batches of {flags.batch_size} images:")
    tables.show_summary(console, summarize(objective.layer, batch[0]))
    if flags.cross_check:
        _prove(console, objective, training, dataset)
    if flags.epochs == 0:
        _test(console, objective, training, dataset)
        return 0

    console.print(f"\nTraining, {steps:,} steps (Ctrl-C stops it and keeps what is learned):")
    with show_progress(console, steps) as (on_epoch, on_progress), refusing(FloatingPointError, status=1):
        trained = fit(
            objective,
            optimizer,
            training,
            dataset.train,
            dataset.validation,
            epochs=flags.epochs,
            batch_size=flags.batch_size,
            seed=flags.seed,
            on_epoch=on_epoch,
            on_progress=on_progress,
        )
    _write_training(console, flags, trained)  # before all else, for a Ctrl-C from here on ends the job
    result = _test(console, objective, trained.training, dataset)
    _write_report(console, flags, dataset, trained, result)
    if trained.interrupted:
        epochs = f"{len(trained.history)} of {flags.epochs} epochs"
        print(f"{PROGRAM}: interrupted after {epochs}; everything so far is written", file=sys.stderr)
        return 130
    times = step_times(objective, optimizer, trained.training, batch)
    console.print(
        f"\nstep time {1e3 * times.by_hand:.3f} ms by hand, {1e3 * times.by_autodiff:.3f} ms by jax.grad: "
        f"ratio {times.by_hand / times.by_autodiff:.2f} (medians, batches of {flags.batch_size} images)"
    )
    return 0


def _description(dataset: ImageDataset) -> str:
    train, validation, test = (len(part) for part in (dataset.train, dataset.validation, dataset.test))
    height, width = dataset.image_shape
    return (
        f"{dataset.name}: {train + validation + test:,} images, {height}x{width} pixels, {dataset.classes} classes; "
        f"{train:,} to train, {validation:,} to validate, {test:,} to test"
    )


def _load_data(flags: TrainDigits) -> ImageDataset:
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix=f"--data {flags.data}: ", status=1):
        dataset = {"digits8x8": data.digits, "mnist5k": data.mnist5k}[flags.data]()
    if flags.batch_size > len(dataset.train):
        raise Refused(f"--batch-size {flags.batch_size} is larger than the {len(dataset.train)} training images")
    return dataset


def _check_folder(folder: Path) -> None:
    """Make the folder and a file in it, so that an hour of training is not lost to a typing error."""
    with refusing(OSError, prefix=f"--out {folder} is no folder that can be written: "):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def _model(flags: TrainDigits, dataset: ImageDataset) -> Layer:
    if flags.model == "mlp":
        return models.mlp((flags.width,) * flags.depth, dataset.classes, flags.dropout)
    if flags.model == "residual":
        return models.residual_mlp(flags.width, flags.depth, dataset.classes, flags.dropout)
    return models.linear_softmax(dataset.classes)


def _optimizer(flags: TrainDigits, steps: int) -> GradientTransform:
    peak = flags.learning_rate or (0.1 if flags.optimizer == "sgd" else 0.004)
    schedule = optim.warmup_cosine_decay_schedule(0.0, peak, warmup_steps=steps // 20, decay_steps=max(steps, 1))
    if flags.optimizer == "sgd":
        return optim.sgd(schedule, momentum=0.9)
    return optim.adam(schedule) if flags.optimizer == "adam" else optim.adamw(schedule, weight_decay=flags.weight_decay)


def _prove(console: Console, objective: Supervised, training: Training, dataset: ImageDataset) -> None:
    """Print how far each hand-written gradient is from the oracles; refuse to train with a wrong one."""
    examples = dataset.train[:CHECKED]
    console.print(f"\nRelative difference of the hand-written gradient, on {CHECKED} images:")
    checks = cross_check(objective, training.params, training.state, (examples.x, examples.y))
    tables.show_cross_check(console, checks)
    for check in checks:
        if not check.against_jax_grad < TOLERANCE:
            where = f"of layer {check.path}" if check.path else "of the whole objective"
            raise Refused(f"the gradient {where} differs from jax.grad by {check.against_jax_grad:.1e}", status=1)


def _test(console: Console, objective: Supervised, training: Training, dataset: ImageDataset) -> Evaluation:
    result = evaluate(objective, training.params, training.state, dataset.test)
    predicted = result.scores.argmax(-1)
    right = int((predicted == dataset.test.y).sum())
    console.print(f"\ntest accuracy {result.accuracy:.2%} ({right} of {len(dataset.test)}), loss {result.loss:.4f}")
    console.print("\nConfusion matrix, predicted class by column:")
    tables.show_confusion(console, confusion_matrix(dataset.test.y, predicted, dataset.classes), dataset.class_names)
    return result


def _write_training(console: Console, flags: TrainDigits, trained: Fit) -> None:
    settings = {name: str(value) for name, value in asdict(flags).items()}
    console.print()
    _write(console, flags.out / "params.safetensors", lambda path: save_params(path, trained.training.params, settings))
    _write(console, flags.out / "history.csv", lambda path: save_history(path, trained.history))


def _write_report(
    console: Console, flags: TrainDigits, dataset: ImageDataset, trained: Fit, result: Evaluation
) -> None:
    title = f"{dataset.name}, {flags.model}, {len(trained.history)} epochs: test accuracy {result.accuracy:.2%}"
    report = trained.history, dataset.test, result.scores, dataset.class_names
    console.print()
    _write(console, flags.out / "report.png", lambda path: save_report(path, title, *report))


def _write(console: Console, path: Path, write: Callable[[Path], None]) -> None:
    with refusing(OSError, prefix=f"{path} cannot be written: ", status=1):
        write(path)
    console.print(f"written: {path}")
