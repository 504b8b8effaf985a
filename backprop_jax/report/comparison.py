"""Several trainings in one picture."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backprop_jax.plots.factors import by_factors
from backprop_jax.plots.learning_curves import curves_in, draw_over
from backprop_jax.plots.paper import COLORS, DASHES, blank
from backprop_jax.report.run_folder import RunFolder, read_run_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compare_runs"]


def compare_runs(folders: Sequence[str | os.PathLike]) -> "Figure":
    """The curves of several runs over each other: a field for each quantity that was measured after the epochs.

    The line of a run is its validation, and the thin one behind it what it was trained on; a run that lacks a quantity
    is left out of its field.

    Raises:   ValueError if there are no folders, one is none of a training or has no epochs yet; OSError if something
              cannot be read; ModuleNotFoundError, naming the extra to install, if matplotlib is missing.
    """
    runs = [read_run_folder(folder) for folder in folders]
    if not runs:
        raise ValueError("there is no run to compare")
    curves = [_curves(run) for run in runs]
    quantities = list(dict.fromkeys(quantity for own in curves for quantity in own))
    with blank(5.5 * len(quantities), 4.5) as figure:
        fields = figure.subplots(1, len(quantities), squeeze=False)[0]
        for axes, quantity in zip(fields, quantities, strict=True):
            for place, (run, own) in enumerate(zip(runs, curves, strict=True)):
                color, dash = COLORS[place % len(COLORS)], DASHES[place // len(COLORS) % len(DASHES)]
                for part, values in own.get(quantity, {}).items():
                    thin = part == "train" and "validation" in own[quantity]
                    along = run.history["epoch"]  # type: ignore[index]
                    axes.plot(along, values, dash, color=color, linewidth=1 if thin else 2, alpha=0.5 if thin else 1)
            draw_over(axes, "epoch")
            axes.set_title(f"{quantity}: validation, thin in training", loc="left")
            if quantity == "loss":
                by_factors(axes)
        from matplotlib.lines import Line2D

        names = [
            Line2D([], [], color=COLORS[n % len(COLORS)], linestyle=DASHES[n // len(COLORS) % len(DASHES)], label=name)
            for n, name in enumerate(_names(runs))
        ]
        legend = figure.legend(handles=names, loc="outside lower left", frameon=False, ncols=min(len(names), 4))
        for text in legend.get_texts():
            text.set_parse_math(False)  # a folder may be called $1
    return figure


def _curves(run: RunFolder) -> dict:
    if run.history is None or "epoch" not in run.history or not curves_in(run.history):
        raise ValueError(f"{run.path} has no epochs to compare: its history.csv is missing or has no rows")
    return curves_in(run.history)


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """Those of the folders, or as much of their paths as tells them apart."""
    parts = [run.path.resolve().parts for run in runs]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-count:]) for own in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(run.path) for run in runs]
