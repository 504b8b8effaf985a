"""The rows that are judged: of epochs, steps, layers and examples."""

import math
from collections.abc import Mapping
from typing import NamedTuple, Protocol

__all__ = ["EpochRow", "HasLosses", "HasNorms", "LayerHealth", "StepRow", "Suspect"]


class HasNorms(Protocol):
    """What a row of epochs or of steps tells of the layers."""

    @property
    def gradient_norms(self) -> Mapping[str, float]: ...


class HasLosses(HasNorms, Protocol):
    """A row of the history of a `fit`."""

    @property
    def epoch(self) -> int: ...
    @property
    def train_loss(self) -> float: ...
    @property
    def validation_loss(self) -> float: ...


class HasLoss(HasNorms, Protocol):
    """A step: `StepRow`, or a record of `Progress.recent`."""

    @property
    def loss(self) -> float: ...


class EpochRow(NamedTuple):
    """A row of history.csv, of whatever `fit`."""

    epoch: int
    train_loss: float
    validation_loss: float
    gradient_norms: dict[str, float]  # by layer path


class StepRow(NamedTuple):
    """A row of steps.csv."""

    step: int
    loss: float
    waiting: float  # fraction of the time spent waiting for data; NaN if it is not known
    gradient_norms: dict[str, float]  # by layer path


class LayerHealth(NamedTuple):
    """A layer on one batch, after an epoch. NaN stands where there is nothing to tell."""

    epoch: int
    layer: str  # its path; of one in a scan with its number in brackets
    activation: float  # root of the mean square of its output
    cotangent: float  # norm of its output's cotangent
    dead: float  # fraction of its units that are 0 for the whole batch; of layers without parameters, behind others
    saturated: float  # fraction of its outputs at which its slope is nearly 0; of sigmoid, tanh and their hard forms
    weight: float  # norm of its parameters
    gradient: float  # norm of their gradient
    update: float  # norm of what the optimizer would add to them

    @property
    def update_ratio(self) -> float:
        """Norm of the update over that of the parameters; NaN where these are 0."""
        return self.update / self.weight if self.weight > 0 else math.nan


class Suspect(NamedTuple):
    """An example beside what the model makes of it."""

    index: int  # in its data set
    label: int  # as it was given
    answer: int  # the model's
    loss: float  # -log of the probability that the label gets
    suspected: bool
