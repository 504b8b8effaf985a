"""Where optimizers go on surfaces over two numbers, as a picture and as an animation."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop_jax.plots.paper import COLORS, DASHES, GREY, blank
from backprop_jax.plots.surfaces import Surface

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

__all__ = ["Paths", "animate_paths", "plot_paths"]

POINTS, LINES = 120, 20  # of the surface's grid along each side, and of equal height
MILLISECONDS, COARSE = 80, 60  # a frame takes, and its dots an inch: a GIF grows with them


Paths = Mapping[str, np.ndarray]  # name: places (T, 2), T of its own each


def plot_paths(surfaces: Mapping[str, Surface], paths: Mapping[str, Paths]) -> "Figure":
    """A field a surface, with the paths on it, from its start, a black point, on; each is told apart by its name.

    Heights are drawn by factors above the lowest in the window.

    Raises:   ValueError if there are no surfaces or paths, or these are not of the same surfaces; ModuleNotFoundError,
              naming the extra to install, if matplotlib is missing.
    """
    return _draw(surfaces, paths)[0]


def animate_paths(surfaces: Mapping[str, Surface], paths: Mapping[str, Paths], frames: int = 60) -> "FuncAnimation":
    """The picture of `plot_paths` as it comes about: `.save("paths.gif", writer="pillow")`.

    The steps between frames become longer, for the first ones are the largest. A path that has ended stays.

    Raises:   as `plot_paths`, and ValueError if there are fewer than 2 frames.
    """
    if frames < 2:
        raise ValueError(f"an animation needs 2 frames or more, not {frames}")
    figure, lines = _draw(surfaces, paths)
    from matplotlib.animation import FuncAnimation

    longest = max(len(path) for _, path, _ in lines)
    steps = np.unique(np.geomspace(1, longest, frames).round().astype(int))
    dots = [own.axes.plot([], [], "o", color=own.get_color(), markersize=6)[0] for own, _, _ in lines]
    told = figure.text(0.995, 0.01, "", ha="right", fontsize=10)
    figure.set_dpi(COARSE)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # once, not at each frame

    def draw(step: int) -> list[Any]:
        told.set_text(f"step {step - 1:,}")
        for (line, path, _), dot in zip(lines, dots, strict=True):
            line.set_data(*path[:step].T)
            dot.set_data(*path[min(step, len(path)) - 1, :, None])
        return [told, *dots]

    return FuncAnimation(figure, draw, frames=steps.tolist(), interval=MILLISECONDS, init_func=list)


def _draw(surfaces: Mapping[str, Surface], paths: Mapping[str, Paths]) -> "tuple[Figure, list[tuple]]":
    """The figure, and of each path its line, its places and its name."""
    if not surfaces or surfaces.keys() != paths.keys() or not all(paths.values()):
        raise ValueError(f"paths are drawn on surfaces of the same names, not {list(paths)} on {list(surfaces)}")
    names = list(dict.fromkeys(name for own in paths.values() for name in own))
    style = {
        name: (COLORS[place % len(COLORS)], DASHES[place // len(COLORS) % len(DASHES)])
        for place, name in enumerate(names)
    }
    lines = []
    with blank(4.6 * len(surfaces), 4.6 + 0.24 * math.ceil(len(names) / 5)) as figure:
        fields = figure.subplots(1, len(surfaces), squeeze=False)[0]
        for axes, (title, (function, start, window)) in zip(fields, surfaces.items(), strict=True):
            left, right, bottom, top = window
            grid = np.meshgrid(np.linspace(left, right, POINTS), np.linspace(bottom, top, POINTS))
            heights = np.asarray(function(*grid), float)
            above = heights - heights.min()
            axes.contour(
                *grid,
                np.log(above + 1e-3 * above.max()),
                LINES,
                colors=GREY,
                linestyles="solid",
                alpha=0.35,
                linewidths=0.7,
            )
            for name, path in paths[title].items():
                color, dash = style[name]
                places = np.asarray(path, float)
                (line,) = axes.plot(*places.T, dash, color=color, linewidth=1.6, label=name)
                lines.append((line, places, name))
            axes.plot(*start, "ko", markersize=5)
            axes.set(xlim=window[:2], ylim=window[2:])
            axes.set_title(title, loc="left")
        handles = {name: line for line, _, name in lines}
        figure.legend(
            list(handles.values()), list(handles), loc="outside lower center", ncols=min(len(names), 5), frameon=False
        )
    return figure, lines
