"""What can be said on the command line of every training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["HERE", "RunFlags"]

HERE = "config", "log", "out", "params", "resume"  # flags of this machine or this start, which nobody else can use


@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """The flags that all trainings have; they are data and do nothing."""

    config: Path | None = None
    """TOML file of settings, one a line, called as the flags are: batch_size = 64. A flag given beside it wins. Every
    run writes its own into --out, config.toml: with it the run can be repeated."""

    resume: bool = False
    """Go on from the latest whole checkpoint in --out as if the training had never stopped, with the settings in the
    config.toml there, which no flag may change; where there is no checkpoint, begin."""

    log: tuple[Literal["csv", "tensorboard"], ...] = ("csv",)
    """What is written of every step: csv, a row in steps.csv; tensorboard, events for TensorBoard in the folder events
    (extra `tensorboard`). Both may follow, or nothing. history.csv, a row an epoch, is always written."""
