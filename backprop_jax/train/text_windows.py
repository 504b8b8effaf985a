"""Pieces from anywhere in a text, for a transformer that writes: no state between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.data import random_windows, stream_batches
from backprop_jax.data.text.token_check import require_tokens
from backprop_jax.models import LanguageModelLoss
from backprop_jax.train.held_out import window_loss
from backprop_jax.train.step import Training
from backprop_jax.train.text_stream import TextEpoch
from backprop_jax.train.training_data import Pass, fingerprint

__all__ = ["TextWindows"]


@dataclass(frozen=True, eq=False)
class TextWindows:
    """A text for a model of tokens (B, T), `batch_size` windows of `length` tokens each, drawn at random.

    An epoch is `steps_per_epoch` steps, whose windows depend on `seed` and the epoch's number; after it the model is
    validated. The text may be larger than the memory, by `data.read_tokens`.

    Shapes:   train, validation (N,) integer.
    Raises:   ValueError if the text is too short for one window, that for validation has fewer than two tokens, or an
              epoch has no step; and, in `fit`, if a token is not one of those that the model knows.
    """

    row: ClassVar[type[TextEpoch]] = TextEpoch

    train: np.ndarray
    validation: np.ndarray
    batch_size: int
    length: int
    steps_per_epoch: int
    seed: int = 0

    def __post_init__(self) -> None:
        if whole_number(self.steps_per_epoch, least=1) is None:
            raise ValueError(f"an epoch has 1 step or more, not {self.steps_per_epoch!r}")
        self.batches(1)
        stream_batches(self.validation, 1, 1)

    @property
    def items_per_step(self) -> int:
        return self.batch_size * self.length

    def check(self, objective: LanguageModelLoss, training: Training) -> None:
        for tokens in (self.train, self.validation):
            require_tokens(tokens, objective.layer.embedding.num_embeddings)

    def state_of_epoch(self, objective: Layer, epoch: int, state: PyTree) -> PyTree:
        return state

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        windows = random_windows(self.train, self.batch_size, self.length, (self.seed, epoch))
        return islice(windows, start, self.steps_per_epoch)

    def measure(self, objective: LanguageModelLoss, training: Training, done: Pass) -> TextEpoch:
        return TextEpoch(
            epoch=done.epoch,
            step=done.step,
            train_loss=done.loss,
            validation_loss=window_loss(objective, training.params, self.validation, self.length),
            tokens_per_second=done.items_per_second,
            gradient_norms=done.gradient_norms,
        )

    def identity(self) -> dict[str, Any]:
        told = {"batch_size": self.batch_size, "length": self.length, "steps_per_epoch": self.steps_per_epoch}
        texts = {"train": fingerprint(self.train), "validation": fingerprint(self.validation)}
        return told | {"seed": self.seed} | texts
