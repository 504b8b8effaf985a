"""What a person sees of a training while it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from backprop_jax.train.labelled import Epoch
from backprop_jax.train.records import Progress
from backprop_jax.train.step import Training

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_progress"]

STARVED = 0.1  # of the time

Reporters = tuple[Callable[[Any, Training], None], Callable[[Progress], None]]


def _line(epoch: Epoch) -> str:
    return (
        f"epoch {epoch.epoch:>3}   loss {epoch.train_loss:.4f}   accuracy {epoch.train_accuracy:7.2%}   "
        f"validation loss {epoch.validation_loss:.4f}   validation accuracy {epoch.validation_accuracy:7.2%}   "
        f"{epoch.images_per_second:>9,.0f} images/s"
    )


def _score(epoch: Epoch) -> str:
    return f"{epoch.validation_accuracy:.1%}"


@contextmanager
def show_progress(
    console: "Console",
    steps: int,
    *,
    unit: str = "images",
    stretch: str = "epoch",
    line: Callable[[Any], str] = _line,
    score: Callable[[Any], str] = _score,
) -> Iterator[Reporters]:
    """The callbacks `(on_epoch, on_progress)` for `fit`: a live bar on a terminal, one plain line an epoch elsewhere.

    `steps` is the number of steps of the whole training, `unit` what it counts the speed in, and `stretch` what an
    epoch is called. For another history than that of `Labelled`, `line` says what an epoch reached, and `score`, in six
    characters or less, how well it did. Where data is waited for in a tenth of the time or more, the bar says so.
    """
    if not console.is_terminal:
        yield (lambda epoch, training: console.print(line(epoch))), (lambda progress: None)
        return

    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    # 80 characters in all, for the narrowest terminals.
    columns = (
        TextColumn(f"{stretch} {{task.fields[epoch]:>5}}"),
        BarColumn(bar_width=10),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("validation {task.fields[score]:>6}"),
        TextColumn(f"{{task.fields[speed]:>7}} {unit}/s{{task.fields[waiting]}}"),
        TimeRemainingColumn(compact=True),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("train", total=steps, epoch="-", loss="-.---", score="-", speed="-", waiting="")

        def on_progress(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.step,
                epoch=f"{progress.epoch}/{progress.epochs}",
                loss=f"{progress.loss:.3f}",
                speed=f"{progress.items_per_second:,.0f}",
                waiting=f", {progress.waiting:.0%} waiting for data" if progress.waiting >= STARVED else "",
            )

        def on_epoch(epoch: Any, training: Training) -> None:
            bar.update(task, completed=epoch.step, score=score(epoch))

        yield on_epoch, on_progress
