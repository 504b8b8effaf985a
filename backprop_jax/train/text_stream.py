"""A text read in order, side by side in rows, the state of the model going from batch to batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import PyTree, output_like
from backprop_jax.core.objective import Supervised
from backprop_jax.data import stream_batches
from backprop_jax.data.text.token_check import require_tokens
from backprop_jax.train.held_out import new_state, stream_loss
from backprop_jax.train.step import Training
from backprop_jax.train.training_data import Pass, fingerprint

__all__ = ["TextEpoch", "TextStream"]


class TextEpoch(NamedTuple):
    """One row of the history of a language model. Losses are means over tokens."""

    epoch: int  # from 1
    step: int  # steps taken so far
    train_loss: float  # mean over the epoch's steps, in train mode
    validation_loss: float  # after the epoch, in eval mode, on the whole part
    tokens_per_second: float  # in the epoch's steps, without the one that compiles
    gradient_norms: dict[str, float]  # mean over the epoch's steps, by layer path


@dataclass(frozen=True, eq=False)
class TextStream:
    """A text for a model of tokens (B, T), `batch_size` rows of `length` tokens at a time.

    A model that keeps its carry in its state, as `models.char_lm`, is trained by truncated back-propagation through
    time: `length` is how far back gradients reach. Each epoch starts from the state of a new `init`, for what was read
    last is not what stands at the beginning, and cuts the text elsewhere, by `seed` and the epoch's number; validation
    starts from a new state too.

    Shapes:   train, validation (N,) integer.
    Raises:   ValueError if the text is too short for one batch, or that for validation has fewer than two tokens; and,
              in `fit`, if a token is not one of those that the model knows.
    """

    row: ClassVar[type[TextEpoch]] = TextEpoch

    train: np.ndarray
    validation: np.ndarray
    batch_size: int
    length: int
    seed: int = 0

    def __post_init__(self) -> None:
        self._first()
        stream_batches(self.validation, 1, 1)

    @property
    def steps_per_epoch(self) -> int:
        return (len(self.train) - 1) // self.items_per_step

    @property
    def items_per_step(self) -> int:
        return self.batch_size * self.length

    def check(self, objective: Supervised, training: Training) -> None:
        _, state = jax.eval_shape(objective.init, jax.random.key(0), self._first())
        size = output_like(objective.layer, training.params, state, self._first()[0]).shape[-1]
        for tokens in (self.train, self.validation):
            require_tokens(np.asarray(tokens), size)

    def state_of_epoch(self, objective: Supervised, epoch: int, state: PyTree) -> PyTree:
        return new_state(objective, jax.random.fold_in(jax.random.key(self.seed), epoch), self._first())

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        spare = (len(self.train) - 1) % self.items_per_step
        offset = np.random.default_rng((self.seed, epoch)).integers(spare + 1)
        return islice(stream_batches(self.train[offset:], self.batch_size, self.length), start, None)

    def measure(self, objective: Supervised, training: Training, done: Pass) -> TextEpoch:
        return TextEpoch(
            epoch=done.epoch,
            step=done.step,
            train_loss=done.loss,
            validation_loss=stream_loss(objective, training.params, self.validation),
            tokens_per_second=done.items_per_second,
            gradient_norms=done.gradient_norms,
        )

    def identity(self) -> dict[str, Any]:
        told = {"batch_size": self.batch_size, "length": self.length, "seed": self.seed}
        return told | {"train": fingerprint(self.train), "validation": fingerprint(self.validation)}

    def _first(self) -> tuple[np.ndarray, np.ndarray]:
        return next(stream_batches(self.train, self.batch_size, self.length))
