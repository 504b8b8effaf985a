"""A training on one page."""

import os
from html import escape
from typing import Any

import numpy as np

from backprop_jax.doctor import diagnose, read_run
from backprop_jax.plots.gradient_norms import plot_gradient_norms
from backprop_jax.plots.layer_health import plot_layer_health
from backprop_jax.plots.learning_curves import curves_in, plot_learning_curves
from backprop_jax.plots.learning_rate import plot_learning_rate
from backprop_jax.plots.speed import plot_speed
from backprop_jax.plots.table import norms_of
from backprop_jax.report.page import drawing, html_page, picture, table, tiles, unfolding
from backprop_jax.report.run_folder import Columns, RunFolder, read_run_folder

__all__ = ["run_report"]

LARGEST_PICTURE = 8_000_000  # bytes; a page of more is slow on a phone
SHOWN_SUSPECTS = 50


def run_report(folder: str | os.PathLike) -> str:
    """The page of what a training left in its folder: what it reached, what `doctor.diagnose` finds wrong, its curves,
    the gradient norms of its layers, its speed, its learning rate, its health, its settings and its pictures. It is one
    HTML document with nothing in it from elsewhere; a training may still be going on.

    Raises:   ValueError, naming the file, if the folder is none of a training or a table in it is damaged; OSError if
              something cannot be read; ModuleNotFoundError, naming the extra to install, if matplotlib is missing.
    """
    run = read_run_folder(folder)
    sections = {
        "Diagnosis": _diagnosis(run),
        "Learning curves": _curves(run),
        "Gradient norms": _norms(run),
        "Speed": _speed(run),
    }
    if (steps := run.steps) is not None and "learning_rate" in steps:
        sections["Learning rate"] = drawing(lambda: plot_learning_rate(steps), "learning rate over the steps")
    if (health := run.health) is not None:
        sections["Health of the layers"] = drawing(lambda: plot_layer_health(health), "health of the layers")
    if run.suspects is not None:
        sections["Examples whose label may be wrong"] = _rows(run.suspects, SHOWN_SUSPECTS)
    sections["Settings"] = table(run.settings.items()) if run.settings else _missing("config.toml")
    if run.pictures:
        sections["Pictures"] = "\n".join(
            picture(path) if path.stat().st_size <= LARGEST_PICTURE else f"<p>{escape(path.name)}: too large</p>"
            for path in run.pictures
        )
    if run.history is not None:
        sections["Epochs"] = unfolding("Every epoch as a table", _rows(_without_norms(run.history)))
    return html_page(run.name, sections, tiles(_figures(run)))


def _figures(run: RunFolder) -> dict[str, str]:
    """What it came to."""
    figures: dict[str, str] = {}
    if run.history is not None:
        epochs = run.history.get("epoch", np.zeros(0))
        figures["epochs"] = f"{len(epochs):,}"
        for quantity, parts in curves_in(run.history).items():
            for part, values in parts.items():
                figures[f"{part} {quantity}, last"] = f"{values[-1]:.4g}"
            values = parts.get("validation")
            if values is not None and np.isfinite(values).any():
                best = int(np.nanargmin(values) if quantity == "loss" else np.nanargmax(values))
                figures[f"validation {quantity}, best"] = f"{values[best]:.4g} (epoch {int(epochs[best])})"
        for name, values in run.history.items():
            if name.endswith("_per_second"):
                figures[name.replace("_", " ")] = f"{np.median(values):,.0f}"
        if "step" in run.history:
            figures["steps"] = f"{int(run.history['step'][-1]):,}"
    if run.steps is not None and "waiting" in run.steps:
        figures["waiting for data"] = f"{np.nanmean(run.steps['waiting']):.0%}"
    return figures


def _diagnosis(run: RunFolder) -> str:
    if all(getattr(run, name) is None for name in ("history", "steps", "health", "suspects")):
        return _missing("history.csv")
    told = read_run(run.path)
    findings = diagnose(told.history, told.steps, told.health, told.suspects)
    boxes = [
        f'<div class="finding"><b>{escape(own.name)}</b>{escape(f", {own.where}" if own.where else "")}'
        f"<p>{escape(own.measure)} is {own.figure:.3g}, the limit {own.threshold:.3g}</p>"
        f"<p>Try: {escape(own.advice)}</p>"
        f'<p class="muted">See: {escape(own.source)}</p></div>'
        for own in findings
    ]
    boxes += [] if findings else ["<p>Nothing was found wrong.</p>"]
    return "\n".join([*boxes, *(f'<p class="muted">{escape(line)}</p>' for line in told.missing)])


def _curves(run: RunFolder) -> str:
    history = run.history
    if history is None or not curves_in(history):
        return _missing("history.csv")
    steps = run.steps if "step" in history else None
    return drawing(lambda: plot_learning_curves(history, steps), "learning curves")


def _norms(run: RunFolder) -> str:
    for rows in (run.steps, run.history):
        if rows is not None and norms_of(rows):
            return drawing(lambda rows=rows: plot_gradient_norms(rows), "gradient norm of each layer")
    return _missing("steps.csv")


def _speed(run: RunFolder) -> str:
    steps = run.steps
    if steps is None or not np.isfinite(steps.get("items_per_second", np.zeros(0))).any():
        return _missing("steps.csv")
    names = [name for name in run.history or () if name.endswith("_per_second")]
    unit = names[0].removesuffix("_per_second") if names else "items"
    return drawing(lambda: plot_speed(steps, unit), "items a second, and waiting for data")


def _missing(name: str) -> str:
    return f'<p class="muted">{escape(name)} is missing, or has nothing of this.</p>'


def _without_norms(columns: Columns) -> Columns:
    norms = {f"gradient_norm/{layer}" for layer in norms_of(columns)}
    return {name: column for name, column in columns.items() if name not in norms}


def _rows(columns: Columns, most: int | None = None) -> str:
    rows = zip(*(map(_cell, column[:most]) for column in columns.values()), strict=True)
    return table(rows, list(columns))


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
