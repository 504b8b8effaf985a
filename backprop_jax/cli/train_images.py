"""The second job: a convolutional network on images of any kind, from a folder that has one sub-folder a class."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console

from backprop_jax import data, losses, models, optim
from backprop_jax.cli.flags import TrainImages
from backprop_jax.cli.job import Job, count_steps, make_console, run, warm_up_and_decay
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.core import supervised
from backprop_jax.core.layer import Layer
from backprop_jax.data import ChannelStatistics, ImageDataset, augmentation, channel_statistics, normalize
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.files.tensors import read_metadata
from backprop_jax.train.step import GradientTransform

__all__ = ["IMAGE_SIZE", "MODELS", "read_notes", "train_images"]

IMAGE_SIZE = 64  # of images from a folder
SHOWN = 3  # skipped files that are named

# By the number of classes.
MODELS: dict[str, Callable[[int], Layer]] = {
    "lenet": models.lenet,
    "resnet20": partial(models.cifar_resnet, 20),
    "resnet56": partial(models.cifar_resnet, 56),
    "plain20": partial(models.cifar_plain, 20),
    "plain56": partial(models.cifar_plain, 56),
    "resnet18": models.resnet18,
    "resnet34": models.resnet34,
    "resnet50": models.resnet50,
    "mobilenet": models.mobilenet,
}


def train_images(flags: TrainImages) -> int:
    """The job. Returns the exit status: 0, or 130 or 143 after Ctrl-C or SIGTERM; raises Refused with any other."""
    console = make_console()
    raw = _load_data(console, flags)
    steps = count_steps(flags, raw)
    statistics = _statistics(flags, raw)
    with refusing(ValueError, prefix="--params: "):
        dataset = normalize(raw, statistics)
    pictures = raw.test
    del raw  # its training images would take as much memory again, for the whole training
    job = Job(
        flags,
        dataset,
        pictures,
        supervised(MODELS[flags.model](dataset.classes), losses.CrossEntropy(label_smoothing=flags.label_smoothing)),
        _optimizer(flags, steps),
        _augmentation(flags, dataset),
        {"normalization": json.dumps(asdict(statistics)), "class_names": json.dumps(dataset.class_names)},
    )
    trained = run(console, job)
    return 128 + trained.interrupted if trained is not None and trained.interrupted else 0


def _load_data(console: Console, flags: TrainImages) -> ImageDataset:
    if flags.data == "mnist5k":
        if flags.image_size is not None:
            raise Refused("--image-size is for --data FOLDER: the digits of mnist5k are 28x28")
        advice = "--data mnist5k (--data FOLDER takes images of yours): "
        with refusing(OSError, ValueError, ModuleNotFoundError, prefix=advice, status=1):
            return data.mnist5k()
    skipped: list[tuple[Path, str]] = []
    with (
        refusing(OSError, prefix=f"--data {flags.data}: ", status=1),
        refusing(ValueError, ModuleNotFoundError, prefix="--data: ", status=1),
        _show_loading(console) as on_progress,
    ):
        dataset = data.image_folder(
            flags.data,
            IMAGE_SIZE if flags.image_size is None else flags.image_size,
            on_progress=on_progress,
            on_skip=lambda path, reason: skipped.append((path, reason)),
        )
    if skipped:
        console.print(f"files skipped that cannot be read as images: {len(skipped):,}")
        for path, reason in skipped[:SHOWN]:
            console.print(f"  {path}: {reason}")
        if len(skipped) > SHOWN:
            console.print(f"  and {len(skipped) - SHOWN:,} more")
    return dataset


@contextmanager
def _show_loading(console: Console) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal while files are read; nothing elsewhere."""
    if not console.is_terminal:
        yield None
        return

    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("reading images", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _statistics(flags: TrainImages, dataset: ImageDataset) -> ChannelStatistics:
    """Those that the given parameters were trained with, or else those of the training images."""
    if flags.params is None:
        return channel_statistics(dataset.train)
    with refusing(OSError, ValueError, prefix="--params: "):
        statistics, names = read_notes(flags.params)
        if flags.epochs == 0 and names not in (None, dataset.class_names):
            raise ValueError(f"{flags.params} tells {', '.join(names)}, not {', '.join(dataset.class_names)}")
    return channel_statistics(dataset.train) if statistics is None else statistics


def read_notes(path: Path) -> tuple[ChannelStatistics | None, tuple[str, ...] | None]:
    """What a parameter file was trained on: the statistics and the class names, each None if it does not tell.

    Raises:   as `read_metadata`; ValueError, naming the file, for notes that no training wrote.
    """
    notes = read_metadata(path)
    statistics = names = None
    try:
        if "normalization" in notes:
            given = json.loads(notes["normalization"])
            statistics = ChannelStatistics(tuple(given["mean"]), tuple(given["std"]))
        if "class_names" in notes:
            names = tuple(map(str, json.loads(notes["class_names"])))
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} has damaged notes on its training ({type(error).__name__}: {error})") from error
    return statistics, names


def _augmentation(flags: TrainImages, dataset: ImageDataset) -> Augmentation | None:
    """What the flag asks for, in one order: labels are mixed last, and must be distributions then.

    Sizes are those of the papers, made for 32 pixels, in proportion. Cropping repeats the border, for 0 is no longer
    black once images are normalized.
    """
    size = min(dataset.image_shape[:2])
    known = {
        "crop": augmentation.random_crop(size // 8, mode="edge"),
        "flip": augmentation.random_flip(),
        "cutout": augmentation.cutout(max(1, size // 2)),
        "mixup": augmentation.compose(augmentation.soft_labels(dataset.classes), augmentation.mixup()),
        "cutmix": augmentation.compose(augmentation.soft_labels(dataset.classes), augmentation.cutmix()),
    }
    chosen = [change for name, change in known.items() if name in flags.augment]
    return augmentation.compose(*chosen) if chosen else None


def _optimizer(flags: TrainImages, steps: int) -> GradientTransform:
    """Weights decay, biases, scales and shifts do not."""
    if flags.optimizer == "sgd":
        decay = optim.add_decayed_weights(
            5e-4 if flags.weight_decay is None else flags.weight_decay, optim.matrices_only
        )
        schedule = warm_up_and_decay(flags.learning_rate or 0.05, steps)
        return optim.chain(decay, optim.sgd(schedule, momentum=0.9, nesterov=True))
    decay = 0.01 if flags.weight_decay is None else flags.weight_decay
    return optim.adamw(
        warm_up_and_decay(flags.learning_rate or 0.002, steps), weight_decay=decay, mask=optim.matrices_only
    )
