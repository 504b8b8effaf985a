"""A training on one page: curves, gradient norms, confusion matrix and the worst mistakes, in one PNG."""

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop_jax.data import Examples
from backprop_jax.files.atomic_file import atomic_file
from backprop_jax.train.confusion import confusion_matrix
from backprop_jax.train.labelled import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

__all__ = ["save_report"]

# Okabe and Ito's colours, which colour-blind readers tell apart.
BLUE, ORANGE = "#0072B2", "#D55E00"
GREY = "#666666"
MOST_LINES = 16  # named beside their ends, beyond which the names would overlap
MOST_NAMED = 40  # classes in the confusion matrix, beyond which names and counts are too small to read
CONNECTOR = {"arrowstyle": "-", "alpha": 0.6, "relpos": (0, 0.5), "shrinkA": 0, "shrinkB": 0}
STYLE: Any = {"font.size": 11, "axes.titlesize": 12, "axes.spines.top": False, "axes.spines.right": False}


def save_report(
    path: str | os.PathLike,
    title: str,
    history: Sequence[Epoch],
    test: Examples,
    scores: np.ndarray,
    class_names: Sequence[str],
) -> None:
    """Draw a training and its result on a test set of images. The file appears whole or not at all.

    Shapes:   test.x (N, H, W, C) in [0, 1], C 1 or 3, or (N, H, W); scores (N, classes): the model's logits.
    Raises:   ModuleNotFoundError, naming the extra to install, if matplotlib is missing; OSError if the file cannot be
              written.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the report needs matplotlib, which is not installed: pip install 'backprop-jax[cli]'"
        ) from error
    with matplotlib.rc_context(STYLE):
        margins = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)  # in inches
        figure = Figure(figsize=(16, 10.5), dpi=110, layout=margins)
        figure.suptitle(title, fontsize=15, fontweight="bold")
        rows: Any = figure.subfigures(2, 1, height_ratios=[1, 1.15])
        loss, accuracy, norms = rows[0].subplots(1, 3, width_ratios=[1, 1, 1.15])
        _curves(loss, history, "loss", "loss in eval mode (log scale)", scale=1, label="{}  {:.3g}", log=True)
        _curves(accuracy, history, "accuracy", "accuracy in eval mode, %", scale=100, label="{}  {:.1f}")
        _gradient_norms(norms, history)
        left, right = rows[1].subfigures(1, 2, width_ratios=[1, 1.7])
        counts = confusion_matrix(test.y, scores.argmax(-1), len(class_names))
        _confusion(left.subplots(), counts, class_names)
        _worst(right, test, scores, class_names)
        with atomic_file(path) as temporary:
            figure.savefig(temporary, format="png")


def _curves(
    axes: "Axes", history: Sequence[Epoch], quantity: str, title: str, scale: float, label: str, log: bool = False
) -> None:
    lines = {
        part: (color, style, [scale * getattr(row, f"{part}_{quantity}") for row in history])
        for part, color, style in (("train", BLUE, "-"), ("validation", ORANGE, "--"))
    }
    _over_epochs(axes, history, lines, title, label, log, named=lines.keys())


def _gradient_norms(axes: "Axes", history: Sequence[Epoch]) -> None:
    import matplotlib

    layers = list(history[0].gradient_norms) if history else []
    # Dark to light with depth: it shows the order of the layers, and does not run out as single colours would.
    colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.8, len(layers)))
    lines = {
        layer: (color, "-", [row.gradient_norms[layer] for row in history])
        for layer, color in zip(layers, colors, strict=True)
    }
    places = np.linspace(0, len(layers) - 1, min(len(layers), MOST_LINES)).round().astype(int)
    named = [layers[place] for place in places]
    few = f", {len(named)} of {len(layers)} named" if len(named) < len(layers) else ""
    _over_epochs(axes, history, lines, f"gradient norm by layer path (log scale){few}", "{}", log=True, named=named)


def _over_epochs(
    axes: "Axes", history: Sequence[Epoch], lines: dict, title: str, label: str, log: bool, named: Collection[str]
) -> None:
    """Lines, name -> (colour, style, values), those in `named` named beside their ends instead of in a legend."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    axes.set_title(title, loc="left")
    if not history:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no epoch was completed", ha="center", va="center", color=GREY, transform=axes.transAxes)
        return
    epochs = [row.epoch for row in history]
    log = log and any(value > 0 for _, _, values in lines.values() for value in values)
    for color, style, values in lines.values():
        axes.plot(epochs, values, style, color=color, linewidth=2, marker="o", markersize=5 if len(epochs) < 6 else 0)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7, min_n_ticks=1))
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.grid(axis="y", which="both", color="#e5e5e5", linewidth=0.8)
    if log:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_minor_locator(LogLocator(subs=range(2, 10) if high < 5 * low else (2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top)  # fixed, because the places of the names depend on it

    to_fraction = axes.transData + axes.transAxes.inverted()
    ends = {name: (epochs[-1], max(lines[name][2][-1], bottom)) for name in named}  # 0 is below every logarithm
    heights = {name: to_fraction.transform(end)[1] for name, end in ends.items()}
    for name, height in _spread(heights, gap=0.055).items():
        color, _, values = lines[name]
        axes.annotate(
            label.format(name, values[-1]),
            xy=ends[name],
            xytext=(1.05, height),
            textcoords="axes fraction",
            va="center",
            color=color,
            fontsize=11,
            arrowprops=CONNECTOR | {"color": color},
            annotation_clip=False,
        )


def _spread(heights: dict[str, float], gap: float) -> dict[str, float]:
    """The heights moved until neighbours are `gap` apart: those that crowd are stacked about their middle."""
    stacks: list[list[str]] = []

    def bottom(stack: list[str]) -> float:
        middle = sum(heights[name] for name in stack) / len(stack)
        extent = gap * (len(stack) - 1)
        return min(max(middle - extent / 2, 0.0), 1.0 - extent)

    for name in sorted(heights, key=heights.__getitem__):
        stacks.append([name])
        while len(stacks) > 1 and bottom(stacks[-2]) + gap * len(stacks[-2]) > bottom(stacks[-1]):
            stacks[-2:] = [stacks[-2] + stacks[-1]]
    return {name: bottom(stack) + gap * place for stack in stacks for place, name in enumerate(stack)}


def _confusion(axes: "Axes", counts: np.ndarray, class_names: Sequence[str]) -> None:
    """Counts by actual and predicted class: hits in grey, so that the mistakes stand out in colour."""
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    hits = np.full(counts.shape, np.nan)
    np.fill_diagonal(hits, 1)
    axes.imshow(np.where(mistakes, mistakes, np.nan), cmap="Oranges", vmin=0, vmax=max(2 * mistakes.max(), 1))
    axes.imshow(hits, cmap="Greys", vmin=0, vmax=6)
    axes.set_xticks([])
    axes.set_yticks([])
    if len(class_names) <= MOST_NAMED:
        names = [_short(name) for name in class_names]
        size, upright = min(11, 180 // len(names)), len("".join(names)) > 40
        axes.set_xticks(range(len(names)), names, fontsize=size, rotation=90 if upright else 0)
        axes.set_yticks(range(len(names)), names, fontsize=size)
        for actual, predicted in zip(*np.nonzero(counts), strict=True):
            weight = "normal" if actual == predicted else "bold"
            count = str(counts[actual, predicted])
            axes.text(predicted, actual, count, ha="center", va="center", fontsize=size, fontweight=weight)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.set_title(f"test set: {mistakes.sum()} of {counts.sum()} wrong", loc="left")


def _worst(figure: "SubFigure", test: Examples, scores: np.ndarray, class_names: Sequence[str], shape=(3, 7)) -> None:
    """The examples whose own class got the least probability, from the worst on."""
    shifted = scores - scores.max(-1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(-1, keepdims=True)
    order = np.argsort(probabilities[np.arange(len(test)), test.y], kind="stable")
    title = "hardest test images: actual class, and the model's answer with its confidence"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    panels: Any = figure.subplots(*shape)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, row in zip(panels.flat, order.tolist(), strict=False):
        label, predicted = int(test.y[row]), int(probabilities[row].argmax())
        right = predicted == label
        actual, answer = _short(class_names[label]), _short(class_names[predicted])
        confidence = f"{probabilities[row, predicted]:.0%}{', right' if right else ''}"
        long = len(actual + answer) > 6
        axes.imshow(test.x[row], cmap="gray", vmin=0, vmax=1)
        axes.set_title(
            f"{actual}\nread as {answer}\n{confidence}" if long else f"{actual}, read as {answer}\n{confidence}",
            fontsize=8 if long else 11,
            color=GREY if right else ORANGE,
        )


def _short(name: str, most: int = 12) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
