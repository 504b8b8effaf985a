"""Tables of trainings that never were."""

from collections.abc import Iterable, Sequence
from typing import Any

from backprop_jax.doctor import EpochRow, LayerHealth, StepRow, Suspect

NAN = float("nan")


def steps(losses: Iterable[float], norms: Iterable[float] | None = None, waiting: float = NAN) -> list[StepRow]:
    losses = list(losses)
    of_steps = [1.0] * len(losses) if norms is None else norms
    return [
        StepRow(number, loss, waiting, {"0": norm})
        for number, (loss, norm) in enumerate(zip(losses, of_steps, strict=True), 1)
    ]


def history(train: Sequence[float], validation: Sequence[float], **norms: float) -> list[EpochRow]:
    return [EpochRow(number, *losses, norms) for number, losses in enumerate(zip(train, validation, strict=True), 1)]


def health(*layers: dict[str, Any], epoch: int = 1) -> list[LayerHealth]:
    """Layers 0, 1, ..., of which nothing but this is told."""
    nothing: dict[str, Any] = dict.fromkeys(LayerHealth._fields, NAN)
    return [
        LayerHealth(**nothing | {"epoch": epoch, "layer": str(number)} | told) for number, told in enumerate(layers)
    ]


def suspects(suspected: int, wrong: int, examples: int) -> list[Suspect]:
    """The first are suspected, of the first `wrong` the model's answer is not the label."""
    return [
        Suspect(number, 0, int(number < wrong), float(examples - number), number < suspected)
        for number in range(examples)
    ]
