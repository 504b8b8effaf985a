"""Hyper-parameters and what they led to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop_jax.plots.paper import GREY, blank
from backprop_jax.tuning.space import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["heat_map", "parallel_coordinates"]

MAP = "viridis"  # dark is good
WIDE = 5.0  # the largest value over the middle one, from which on an axis is drawn by factors: evenly spread it is 2


def parallel_coordinates(trials: Sequence[Trial], scores: np.ndarray, label: str = "score") -> "Figure":
    """A line a trial, through its value on the axis of each hyper-parameter and its score on the last; dark is good.

    Trials that diverged are grey and dotted, and end above the last axis.

    Shapes:   scores (N,), the smaller the better.
    Raises:   ValueError if there are no trials, not as many scores, or none is finite; ModuleNotFoundError, naming the
              extra to install, if matplotlib is missing.
    """
    scores = _checked(trials, scores)
    names = list(trials[0])
    columns = [_Column([trial[name] for trial in trials]) for name in names]
    last = _Column(scores)
    worst_first = np.argsort(-np.where(np.isfinite(scores), scores, np.inf))
    with blank(2.2 * len(names) + 3, 5) as figure:
        axes = figure.subplots()
        import matplotlib

        colors = matplotlib.colormaps[MAP]
        for trial in worst_first:
            heights = [column.heights[trial] for column in columns]
            if np.isfinite(scores[trial]):
                style: dict[str, Any] = {"color": colors(0.9 * last.heights[trial]), "linewidth": 1.6}
                heights.append(last.heights[trial])
            else:
                style = {"color": GREY, "linestyle": ":", "linewidth": 1}
                heights.append(1.08)
            axes.plot(range(len(heights)), heights, alpha=0.8, **style)
        for place, column in enumerate([*columns, last]):
            axes.axvline(place, color="black", linewidth=1, ymax=1)
            for height, tick in column.ticks:
                axes.text(place - 0.03, height, f"{tick:.3g}", ha="right", va="center", fontsize=9, color=GREY)
        axes.set_xticks(range(len(names) + 1), [*names, label], fontweight="bold")
        axes.tick_params(length=0)
        axes.set_yticks([])
        axes.set(xlim=(-0.4, len(names) + 0.2), ylim=(-0.05, 1.12))
        axes.spines[["left", "bottom"]].set_visible(False)
    return figure


def heat_map(trials: Sequence[Trial], scores: np.ndarray, x: str, y: str, label: str = "score") -> "Figure":
    """The scores over two hyper-parameters: a field for each pair of values of a grid, else a point for each trial.

    Fields and points of several trials show the best; what diverged is crossed out, and what nobody tried is empty.

    Shapes:   scores (N,), the smaller the better.
    Raises:   ValueError as `parallel_coordinates`, and if the trials have no hyper-parameter of this name.
    """
    scores = _checked(trials, scores)
    for name in (x, y):
        if name not in trials[0]:
            raise ValueError(f"the trials have no {name!r}, but {', '.join(trials[0])}")
    across, along = (np.array([trial[name] for trial in trials], float) for name in (x, y))
    columns, rows = np.unique(across), np.unique(along)
    with blank(7, 5) as figure:
        axes = figure.subplots()
        if len(columns) * len(rows) <= len(trials):
            drawn = _fields(axes, columns, rows, across, along, scores)
        else:
            order = np.argsort(-scores)  # the best on top
            alive = order[np.isfinite(scores[order])]
            drawn = axes.scatter(
                across[alive], along[alive], c=scores[alive], cmap=MAP, norm=_norm(scores), s=70, edgecolors="white"
            )
            axes.scatter(across[~np.isfinite(scores)], along[~np.isfinite(scores)], color=GREY, marker="x", s=40)
            for axis, values in (("x", across), ("y", along)):
                if _is_wide(values):
                    axes.set(**{f"{axis}scale": "log"})
        axes.set(xlabel=x, ylabel=y)
        bar = figure.colorbar(drawn, ax=axes, label=label)
        bar.ax.yaxis.set_major_formatter("{x:g}")
        bar.ax.yaxis.set_minor_formatter("{x:g}")
    return figure


def _fields(
    axes: "Axes", columns: np.ndarray, rows: np.ndarray, across: np.ndarray, along: np.ndarray, scores: np.ndarray
) -> Any:
    best, tried = np.full((len(rows), len(columns)), np.inf), np.zeros((len(rows), len(columns)), bool)
    field = np.searchsorted(rows, along), np.searchsorted(columns, across)
    tried[field] = True
    np.minimum.at(best, field, np.where(np.isfinite(scores), scores, np.inf))
    shown = np.where(np.isfinite(best), best, np.nan)
    norm = _norm(scores)
    drawn = axes.imshow(shown, cmap=MAP, norm=norm, origin="lower", aspect="auto")
    for row, column in np.ndindex(best.shape):
        value = shown[row, column]
        if not tried[row, column]:
            continue
        text, dark = ("x", False) if np.isnan(value) else (f"{value:.3g}", norm(value) < 0.6)
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axes.set_xticks(range(len(columns)), [f"{value:.3g}" for value in columns])
    axes.set_yticks(range(len(rows)), [f"{value:.3g}" for value in rows])
    return drawn


class _Column:
    """Where values stand on an axis from 0 to 1."""

    def __init__(self, values: Any) -> None:
        values = np.asarray(values, float)
        finite = values[np.isfinite(values)]
        low, high = finite.min(), finite.max()
        place = np.log if _is_wide(finite) else np.asarray
        width = place(high) - place(low)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.heights = (place(values) - place(low)) / width if width else np.full(len(values), 0.5)
        if not width:
            self.ticks = [(0.5, low)]
            return
        shares = np.linspace(0, 1, 5)
        at = np.exp(place(low) + shares * width) if place is np.log else low + shares * width
        distinct = np.unique(finite)
        if len(distinct) <= 5:
            at, shares = distinct, (place(distinct) - place(low)) / width
        self.ticks = list(zip(shares, at, strict=True))


def _norm(scores: np.ndarray) -> Any:
    """How scores become colours: by factors where they are far apart."""
    from matplotlib.colors import LogNorm, Normalize

    finite = scores[np.isfinite(scores)]
    return (LogNorm if _is_wide(finite) else Normalize)(finite.min(), finite.max())


def _is_wide(values: np.ndarray) -> bool:
    return bool((values > 0).all() and values.max() > WIDE * np.quantile(values, 0.5, method="lower"))


def _checked(trials: Sequence[Trial], scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, float)
    if not trials or scores.shape != (len(trials),):
        raise ValueError(f"a picture needs a score for each of some trials, not {scores.shape} for {len(trials)}")
    if not np.isfinite(scores).any():
        raise ValueError("no score is finite: all trials diverged")
    return scores
