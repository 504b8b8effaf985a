"""What `train.fit` costs beside the bare compiled step: `python -m benchmarks.training_loop`.

Models of 10 to 20 ms a step on two cores: an MLP of 1.9 M numbers at batches of 256, which has little to do for each of
its numbers, and LeNet-5, with 62,000. The contestants take turns, in an order that changes from round to round: the
bare step in a Python loop, `fit`, `fit` with a log of its steps, and `fit` with that and a checkpoint every two
seconds, written in the background, and one at the end. A ratio is that of the times of a round; the median over the
rounds is told, with the range of the middle half, and what one checkpoint takes from the training.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import optim, train
from backprop_jax.train import Checkpoints, Pass, Training

BATCH = 256
MODELS = {  # name: the shape of an example, the model
    "mlp": ((784,), bp.models.mlp((1024, 1024))),
    "lenet": ((28, 28, 1), bp.models.lenet()),
}
LOGGED, CHECKPOINTED = "fit, steps.csv", "fit, steps.csv, checkpoints"


class Row(NamedTuple):
    epoch: int
    step: int
    gradient_norms: dict[str, float]


class Batches:
    """The same batch at every step, and nothing measured: what is left is the loop."""

    row: ClassVar[type] = Row
    seed, items_per_step = 0, BATCH

    def __init__(self, steps: int, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        self.steps_per_epoch = steps
        self.batch = rng.standard_normal((BATCH, *shape), np.float32), rng.integers(0, 10, BATCH).astype(np.int32)

    def check(self, objective: Any, training: Training) -> None:
        pass

    def state_of_epoch(self, objective: Any, epoch: int, state: Any) -> Any:
        return state

    def batches(self, epoch: int, start: int = 0) -> Iterator[Any]:
        return iter([self.batch] * (self.steps_per_epoch - start))

    def measure(self, objective: Any, training: Training, done: Pass) -> Row:
        return Row(done.epoch, done.step, done.gradient_norms)

    def identity(self) -> dict[str, Any]:
        return {}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--steps", type=int, default=160, help="of a round")
    arguments.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    flags = arguments.parse_args()
    for name in flags.models:
        shape, model = MODELS[name]
        print(f"{name}, {flags.rounds} rounds of {flags.steps} steps")
        measure(model, Batches(flags.steps, shape), flags.rounds)


def measure(model: bp.Layer, data: Batches, rounds: int) -> None:
    objective, optimizer = bp.supervised(model, bp.losses.CrossEntropy()), optim.adam(1e-3)
    step = train.make_step(objective, optimizer)

    with tempfile.TemporaryDirectory() as folder:
        folders = (Path(folder) / str(number) for number in count())
        written: list[int] = []
        contestants: dict[str, Callable[[Training], Any]] = {
            "bare step": lambda training: bare(step, data, training),
            "fit": lambda training: train.fit(objective, optimizer, training, data, epochs=1),
            LOGGED: lambda training: train.fit(
                objective, optimizer, training, data, epochs=1, on_progress=train.log_steps(Path(folder) / "steps.csv")
            ),
            CHECKPOINTED: lambda training: kept(
                objective,
                optimizer,
                training,
                data,
                next(folders),
                train.log_steps(Path(folder) / "steps.csv"),
                written,
            ),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            names = list(contestants)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                training = jax.block_until_ready(train.start(objective, optimizer, jax.random.key(0), data.batch))
                begin = time.perf_counter()
                jax.block_until_ready(contestants[name](training))
                if number:  # the first compiles
                    seconds[name].append(time.perf_counter() - begin)
    base = seconds["bare step"]
    for name, measured in seconds.items():
        ratios = sorted(own / other for own, other in zip(measured, base, strict=True))
        low, _, high = statistics.quantiles(ratios, n=4)
        milliseconds = 1e3 * statistics.median(measured) / data.steps_per_epoch
        print(f"{name:36} {milliseconds:7.2f} ms a step   {statistics.median(ratios):.3f}  ({low:.3f} to {high:.3f})")
    more = [own - other for own, other in zip(seconds[CHECKPOINTED], seconds[LOGGED], strict=True)]
    each = [lost / number for lost, number in zip(more, written[1:], strict=True)]
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(training)) / 1e6
    print(f"a checkpoint of {size:.0f} MB takes {statistics.median(each):.2f} s of the training")


def bare(step: Callable, data: Batches, training: Training) -> Training:
    for number, batch in enumerate(data.batches(1)):
        training, loss = step(training, batch)
        if number % 16 == 15:  # as `fit`: a program that runs ahead without end measures its queue
            jax.block_until_ready(loss)
    return training


def kept(
    objective: Any, optimizer: Any, training: Training, data: Batches, folder: Path, log: Callable, written: list[int]
) -> Training:
    with Checkpoints(folder, keep_last=100, every_seconds=2.0) as checkpoints:
        options = {"checkpoints": checkpoints, "on_progress": log}
        training = train.fit(objective, optimizer, training, data, epochs=1, **options).training
        written.append(len(checkpoints.steps))
    return training


if __name__ == "__main__":
    main()
