"""Several runs beside each other."""

from dataclasses import asdict
from typing import Any

import numpy as np

from backprop_jax.cli.config import OF_THE_START, AnyTraining, kind_of
from backprop_jax.cli.job import make_console, write
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.result_flags import Compare
from backprop_jax.cli.run_folder import read_settings
from backprop_jax.cli.tables import show_table
from backprop_jax.files.atomic_file import atomic_file
from backprop_jax.report import compare_runs, read_run_folder
from backprop_jax.report.run_folder import Columns

__all__ = ["compare"]

NOT_COMPARED = (*OF_THE_START, "cross_check", "log", "out")  # they change nothing in what is learned
RESULTS = "epochs done", "best epoch", "validation loss", "validation accuracy"


def compare(flags: Compare) -> int:
    """Print the table and draw the picture. Returns the exit status, 0; raises Refused for what fails."""
    if len(flags.runs) < 2:
        raise Refused("compare needs the folders of two runs or more")
    settings = [_settings(read_settings(folder)) for folder in flags.runs]
    with refusing(OSError, ValueError, ModuleNotFoundError):
        results = [_results(read_run_folder(folder).history) for folder in flags.runs]
        figure = compare_runs(flags.runs)
    names = {name: None for own in settings for name in own}  # in order, each once
    differing = [name for name in names if len({own.get(name) for own in settings}) > 1]
    told = [name for name in RESULTS if any(name in own for own in results)]
    rows = [
        (str(folder), *(own.get(name, "-") for name in differing), *(reached.get(name, "-") for name in told))
        for folder, own, reached in zip(flags.runs, settings, results, strict=True)
    ]
    console = make_console()
    show_table(console, ("run", *differing, *told), rows, left=1 + len(differing))

    def save(path: Any) -> None:
        with atomic_file(path) as temporary:
            figure.savefig(temporary, format="png")

    write(console, flags.out, save)
    return 0


def _settings(flags: AnyTraining) -> dict[str, str]:
    """In words: None, as that of the learning rate, leaves the choice to the training."""
    told = {name: value for name, value in asdict(flags).items() if name not in NOT_COMPARED}
    return {"train": kind_of(flags)} | {
        name: "default" if value is None else str(value) for name, value in told.items()
    }


def _results(history: Columns | None) -> dict[str, str]:
    """Of the epoch whose validation loss was the least."""
    if history is None:
        return {}
    reached = {"epochs done": f"{int(history['epoch'][-1]):,}"}
    losses = history.get("validation_loss", np.zeros(0))
    if np.isfinite(losses).any():
        best = int(np.nanargmin(losses))
        reached |= {"best epoch": f"{int(history['epoch'][best]):,}", "validation loss": f"{losses[best]:.4f}"}
        if "validation_accuracy" in history:
            reached["validation accuracy"] = f"{history['validation_accuracy'][best]:.2%}"
    return reached
