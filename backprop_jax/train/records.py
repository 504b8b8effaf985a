"""What a training tells while it runs."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import jax

__all__ = ["Progress", "Speed", "StepRecord"]

# Steps between two looks at the loss. A look waits for the device; the steps between are dispatched without waiting.
# It bounds the steps in flight too: jax 0.10 on a CPU that poses as several devices may lock up beyond 32 of them.
# Long steps are looked at about every second: a person sees that they go on, and Ctrl-C is not kept waiting.
LOOK_EVERY = 16

T = TypeVar("T")


class StepRecord(NamedTuple):
    """One step."""

    step: int  # from 1, of the whole training
    loss: float  # of its batch, in train mode
    gradient_norms: dict[str, float]  # by layer path


class Progress(NamedTuple):
    """Where training is, told every few steps."""

    epoch: int  # from 1
    epochs: int
    step: int  # steps taken so far
    steps: int  # of the whole training
    loss: float  # of the latest batch, in train mode
    items_per_second: float  # images, or tokens
    waiting: float  # fraction of the time since the last report in which the data was waited for, and no step begun
    recent: tuple[StepRecord, ...]  # the steps since the last report


class Speed:
    """Items a second since the epoch began, or since its first step ended if that one compiles; and how much of the
    time went by in waiting for data."""

    def __init__(self, items_per_step: int, first_compiles: bool) -> None:
        self._items_per_step, self._uncounted, self._steps = items_per_step, int(first_compiles), 0
        self._waited, self._start = 0.0, time.perf_counter()
        self._last_report = self._start
        self.steps_to_look = LOOK_EVERY

    def waiting_for(self, inputs: Iterable[T]) -> Iterator[T]:
        """The inputs, and note is taken of how long each is waited for."""
        iterator = iter(inputs)
        while True:
            begin = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            self._waited += time.perf_counter() - begin
            yield item

    def count(self, outcome: Any, steps: int) -> None:
        """Note steps that were begun together."""
        before, self._steps = self._steps, self._steps + steps
        if before < self._uncounted:
            jax.block_until_ready(outcome)
            self._start, self._uncounted = time.perf_counter(), steps
        elif before == self._uncounted:
            jax.block_until_ready(outcome)
            seconds = (time.perf_counter() - self._start) / steps
            self.steps_to_look = min(max(int(1 / seconds), 1), LOOK_EVERY)

    def items_per_second(self) -> float:
        return max(self._steps - self._uncounted, 0) * self._items_per_step / (time.perf_counter() - self._start)

    def waiting(self) -> float:
        """The fraction of the time since the last question."""
        now = time.perf_counter()
        fraction = min(self._waited / max(now - self._last_report, 1e-9), 1.0)
        self._waited, self._last_report = 0.0, now
        return fraction
