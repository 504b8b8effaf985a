"""Where a training is: what a checkpoint holds beside the arrays, so that it goes on as if it had not stopped."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from backprop_jax.train.checkpoints import Checkpoints, OtherTraining
from backprop_jax.train.records import StepRecord
from backprop_jax.train.step import Training
from backprop_jax.train.training_data import TrainingData

__all__ = ["Position", "Sums", "resumed"]


@dataclass
class Sums:
    """Of the steps of an epoch so far, added up in float64 one by one: in two pieces they come to the same."""

    steps: int = 0
    loss: float = 0.0
    gradient_norms: dict[str, float] = field(default_factory=dict)

    def add(self, records: Sequence[StepRecord]) -> None:
        for record in records:
            self.steps += 1
            self.loss += record.loss
            for layer, norm in record.gradient_norms.items():
                self.gradient_norms[layer] = self.gradient_norms.get(layer, 0.0) + norm


@dataclass
class Position:
    """The epoch in hand, from 1, the steps of the whole training so far, and what came of them."""

    epoch: int = 1
    step: int = 0
    sums: Sums = field(default_factory=Sums)
    history: list[Any] = field(default_factory=list)

    @property
    def is_between_epochs(self) -> bool:
        return bool(self.history) and self.sums.steps == 0

    def next_epoch(self, row: Any) -> None:
        self.history.append(row)
        self.epoch, self.sums = self.epoch + 1, Sums()

    def facts(self) -> dict[str, Any]:
        """All but the step, as JSON can hold it."""
        history = [row._asdict() for row in self.history]
        return {"epoch": self.epoch, "sums": asdict(self.sums), "history": history}


def resumed(checkpoints: Checkpoints, training: Training, data: TrainingData) -> tuple[Position, Training]:
    """The position and the training of the latest checkpoint that is whole; the beginning, where there is none. Later
    ones, which are damaged, are told of and removed.

    Raises:   OtherTraining if it is of another model, optimizer or data, naming what differs; OSError if none can be
              read.
    """
    restored = checkpoints.restore(training)
    if restored is None:
        return Position(), training
    facts, now = restored.facts, json.loads(json.dumps(data.identity()))
    differing = [
        f"{name} is {now.get(name)}, and was {facts['data'].get(name)}"
        for name in {**facts["data"], **now}
        if now.get(name) != facts["data"].get(name)
    ]
    if differing:
        raise OtherTraining(f"the checkpoints in {checkpoints.folder} are of other data: {'; '.join(differing)}")
    for step, reason in restored.damaged.items():
        told = f"the checkpoint of step {step} is damaged ({reason}); going on from that of step {restored.step}"
        warnings.warn(told, RuntimeWarning, stacklevel=2)
    checkpoints.discard_after(restored.step)
    history = [data.row(**row) for row in facts["history"]]
    return Position(facts["epoch"], restored.step, Sums(**facts["sums"]), history), restored.training
