"""Draw schedules."""

from __future__ import annotations

import dataclasses
import os
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.optim.schedules.basic import Schedule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: Any = {"font.size": 11, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False}
# Okabe and Ito's colours, which colour-blind readers tell apart; dashes, because lines cover each other.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
MOST_POINTS = 10_000  # more than a picture has columns


def plot_schedule(
    schedule: Schedule | Mapping[str, Schedule],
    steps: int,
    path: str | os.PathLike[str] | None = None,
    *,
    log_scale: bool = False,
) -> Figure:
    """Draw the values of a schedule at the steps 0 to `steps`, or of several, given by name, in one picture.

    `path` saves the picture in the format of its ending; `log_scale` is that of the values. What is returned is a
    matplotlib figure, which a notebook shows.

    Raises: ModuleNotFoundError, naming the extra to install, if matplotlib is missing; ValueError if steps is not above
            0 or beyond int32, or if there is no schedule; TypeError for a schedule that cannot be called.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "plot_schedule needs matplotlib, which is not installed: pip install 'backprop-jax[cli]'"
        ) from error
    schedules = schedule if isinstance(schedule, Mapping) else {"": schedule}
    _check(schedules, steps)
    counts = np.unique(np.linspace(0, steps, min(steps + 1, MOST_POINTS)).astype(np.int32))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.5), dpi=120, layout="constrained")
        axes: Any = figure.subplots()
        for place, (name, drawn) in enumerate(schedules.items()):
            values = np.asarray(jax.vmap(lambda count, drawn=drawn: jnp.asarray(drawn(count)))(counts))
            color, dash = COLORS[place % len(COLORS)], DASHES[place % len(DASHES)]
            # Between few steps the line is no value that the schedule takes: show where the steps are.
            axes.plot(counts, values, dash, color=color, label=name, linewidth=2, marker="o" if steps <= 50 else "")
        axes.set_xlabel("step")
        axes.set_ylabel("value")
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(axis="y", color="#e5e5e5", linewidth=0.8)
        if log_scale:
            axes.set_yscale("log")
        if isinstance(schedule, Mapping):
            figure.legend(loc="outside upper left", ncols=min(len(schedules), 4), frameon=False)
        elif dataclasses.is_dataclass(schedule):  # a function prints only its address
            axes.set_title(textwrap.fill(repr(schedule), 95), loc="left")
        if path is not None:
            figure.savefig(path)
    return figure


def _check(schedules: Mapping[str, Any], steps: int) -> None:
    if not 0 < steps < 2**31:
        raise ValueError(f"plot_schedule: steps must be above 0 and within int32, got {steps!r}")
    if not schedules:
        raise ValueError("plot_schedule: there is no schedule to draw; pass one, or a dict of some by their names")
    for schedule in schedules.values():
        if not callable(schedule):
            raise TypeError(f"plot_schedule: {schedule!r} is no schedule; for a number pass constant_schedule")
