"""A training in TensorBoard."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

from backprop_jax.train.learning_rate import Rate, rate_of_step
from backprop_jax.train.records import Progress
from backprop_jax.train.step import Training

__all__ = ["log_tensorboard"]

Reporters = tuple[Callable[[Any, Training], None], Callable[[Progress], None]]


@contextmanager
def log_tensorboard(folder: str | os.PathLike, learning_rate: Rate | None = None) -> Iterator[Reporters]:
    """The callbacks `(on_epoch, on_progress)` for `fit` that write what TensorBoard shows, by tensorboardX.

    Of each step the loss, the learning rate, if that or its schedule is given, the gradient norm of each layer, the
    speed and the waiting for data; of each epoch all numbers of its row. A resumed training hides what was written of
    the steps that it takes again.

    Raises:   ModuleNotFoundError, naming the extra to install, if tensorboardX is missing.
    """
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "logs for TensorBoard need tensorboardX, which is not installed: pip install 'backprop-jax[tensorboard]'"
        ) from error
    writer: Any = None
    rate = None if learning_rate is None else rate_of_step(learning_rate)

    def open_from(step: int) -> Any:
        nonlocal writer
        if writer is None:
            writer = SummaryWriter(str(folder), purge_step=step)
        return writer

    def on_progress(progress: Progress) -> None:
        log = open_from(progress.recent[0].step)
        for record in progress.recent:
            log.add_scalar("step/loss", record.loss, record.step)
            if rate is not None:
                log.add_scalar("step/learning_rate", rate(record.step), record.step)
            for layer, norm in record.gradient_norms.items():
                log.add_scalar(f"gradient_norm/{layer}", norm, record.step)
        log.add_scalar("step/items_per_second", progress.items_per_second, progress.step)
        log.add_scalar("step/waiting", progress.waiting, progress.step)

    def on_epoch(row: Any, training: Training) -> None:
        log = open_from(row.step)
        for name, value in row._asdict().items():
            if isinstance(value, Real):
                log.add_scalar(f"epoch/{name}", value, row.step)
        log.flush()

    try:
        yield on_epoch, on_progress
    finally:
        if writer is not None:
            writer.close()
