"""When `fit` writes checkpoints, and what of."""

import math
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.keys import is_key
from backprop_jax.core.layer import PyTree
from backprop_jax.train.checkpoints import Checkpoints
from backprop_jax.train.position import Position
from backprop_jax.train.step import Training
from backprop_jax.train.training_data import TrainingData

__all__ = ["Saving"]

SHARE = 0.03  # of the time at most goes into checkpoints, where epochs are short


class _Unsaved(NamedTuple):
    step: int
    training: PyTree
    facts: dict[str, Any]
    score: float


class Saving:
    """Checkpoints after epochs, after `every_seconds` in long ones, and at the end.

    Of epochs so short that writing would take more than 3 % of the time not all are written; the best of those that are
    not waits in the host's memory for the next that is.
    """

    def __init__(self, checkpoints: Checkpoints, data: TrainingData, position: Position, epochs: int) -> None:
        self._checkpoints = checkpoints
        self._same = {"data": data.identity(), "epochs": epochs}  # of every checkpoint; data are read for it
        self._best = min(map(_score, position.history), default=math.inf)
        self._last, self._cost = time.monotonic(), 0.0  # when one was written, and the seconds that it took
        self._unsaved: _Unsaved | None = None
        self._begun: int | None = None  # the latest step that was tried

    @property
    def is_due(self) -> bool:
        """Whether every_seconds are over."""
        return time.monotonic() - self._last >= self._checkpoints.every_seconds

    def after_epoch(self, position: Position, training: Training) -> None:
        score = _score(position.history[-1])
        if self.is_due or time.monotonic() - self._last >= self._cost / SHARE:
            self.now(position, training)
        elif score < self._best:
            host = jax.tree.map(lambda leaf: jnp.copy(leaf) if is_key(leaf) else jax.device_get(leaf), training)
            self._unsaved = _Unsaved(position.step, host, position.facts() | self._same, score)
        self._best = min(score, self._best)

    def now(self, position: Position, training: Training) -> None:
        """Write the training, and before it the best that is not yet written. What could not be is warned of."""
        begin = time.monotonic()
        self._try(self._checkpoints.wait)  # what went wrong with the one before must not keep this one from its place
        score = _score(position.history[-1]) if position.is_between_epochs else math.inf
        waiting = [] if self._unsaved is None or self._unsaved.step == position.step else [self._unsaved]
        for unsaved in (*waiting, _Unsaved(position.step, training, position.facts() | self._same, score)):
            # One that could not be written is not tried again at once: what the library left of it is in the way.
            if unsaved.step not in (self._begun, *self._checkpoints.steps):
                step, tree, facts, score = unsaved
                self._begun = step
                self._try(self._checkpoints.save, step, tree, facts, score if math.isfinite(score) else None)
        self._unsaved, self._last = None, time.monotonic()
        self._cost = self._last - begin

    def _try(self, write: Callable[..., None], *given: Any) -> None:
        try:
            write(*given)
        except OSError as error:
            warnings.warn(f"{error}; the training goes on", RuntimeWarning, stacklevel=4)


def _score(row: Any) -> float:
    return getattr(row, "validation_loss", math.inf)
