"""The parts that a computation graph is drawn of, in inches from the upper left corner, y downwards.

Each has a size and a place `middle` across it, where values come in above and go out below; cotangents take the way
back beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backprop_jax.plots.paper import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Block", "Branches", "Bypass", "Frame", "Node", "Series", "Wire", "draw_wire"]

LETTER, BOLD = 0.076, 0.087  # inches that a letter takes
LONGEST = 56  # letters of a line, beyond which it is cut
LINE, GAP, PAD = 0.19, 0.55, 0.16
APART = 0.06  # half of what lies between the arrows forward and backward
JOIN = 0.13  # radius


@dataclass(frozen=True)
class Wire:
    """What flows from one block to the next."""

    text: str  # its shape
    comes_back: bool  # whether it has a cotangent


@dataclass(frozen=True)
class Node:
    """A layer: its name, and lines about it."""

    name: str
    lines: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        lines = [LETTER * len(_cut(line)) for line in self.lines]
        return max(BOLD * len(_cut(self.name)), *lines, 0) + 2 * PAD

    @property
    def height(self) -> float:
        return LINE * (1 + len(self.lines)) + PAD

    @property
    def middle(self) -> float:
        return self.width / 2

    def draw(self, axes: "Axes", left: float, top: float) -> None:
        _box(axes, left, top, self, color=GREY, alpha=0.14, round=0.06)
        for number, line in enumerate((self.name, *self.lines)):
            style = {"fontsize": 9, "fontweight": "bold"} if number == 0 else {"fontsize": 8, "color": GREY}
            _text(axes, left + self.middle, top + PAD / 2 + LINE * (number + 0.5), _cut(line), ha="center", **style)


@dataclass(frozen=True)
class Series:
    """Blocks below each other, with a wire between neighbours."""

    blocks: "tuple[Block, ...]"
    wires: tuple[Wire, ...]

    @property
    def width(self) -> float:
        beyond = max(block.width - block.middle for block in self.blocks)
        labels = max((LETTER * len(wire.text) + 0.2 for wire in self.wires), default=0.0)
        return self.middle + max(beyond, labels)

    @property
    def height(self) -> float:
        return sum(block.height for block in self.blocks) + GAP * len(self.wires)

    @property
    def middle(self) -> float:
        return max(block.middle for block in self.blocks)

    def draw(self, axes: "Axes", left: float, top: float) -> None:
        across = left + self.middle
        for number, block in enumerate(self.blocks):
            block.draw(axes, across - block.middle, top)
            top += block.height
            if number < len(self.wires):
                draw_wire(axes, self.wires[number], (across, top), (across, top + GAP), label=True)
                top += GAP


@dataclass(frozen=True)
class Frame:
    """A layer that holds another, and says above it what it does with it."""

    name: str
    inside: "Block"

    @property
    def width(self) -> float:
        return self.middle + max(self.inside.width - self.inside.middle, 0.3) + PAD

    @property
    def height(self) -> float:
        return self.inside.height + LINE + 2 * PAD

    @property
    def middle(self) -> float:
        return PAD + max(self.inside.middle, 1.1 * LETTER * len(_cut(self.name)))  # the name ends before the wire

    def draw(self, axes: "Axes", left: float, top: float) -> None:
        _box(axes, left, top, self, color=GREY, alpha=0.06, round=0.1)
        _text(axes, left + PAD, top + PAD / 2 + LINE / 2, _cut(self.name), ha="left", fontsize=9, color=GREY)
        inner = top + LINE + PAD
        self.inside.draw(axes, left + self.middle - self.inside.middle, inner)
        across, below = left + self.middle, inner + self.inside.height
        axes.plot([across] * 2, [top, inner], color=GREY, linewidth=1)
        axes.plot([across] * 2, [below, top + self.height], color=GREY, linewidth=1)


@dataclass(frozen=True)
class Bypass:
    """A block, and beside it the value that it is added to."""

    inside: "Block"
    wire: Wire

    @property
    def width(self) -> float:
        return self.inside.width + 0.5

    @property
    def height(self) -> float:
        return self.inside.height + 2 * GAP + 2 * JOIN

    @property
    def middle(self) -> float:
        return self.inside.middle

    def draw(self, axes: "Axes", left: float, top: float) -> None:
        across, beside = left + self.middle, left + self.inside.width + 0.25
        inner, join = top + GAP, top + self.height - JOIN
        self.inside.draw(axes, left, inner)
        draw_wire(axes, self.wire, (across, top), (across, inner))
        draw_wire(axes, self.wire, (across, inner + self.inside.height), (across, join - JOIN))
        for color, shift, back in ((BLUE, APART, False), (ORANGE, -APART, True)):
            if back and not self.wire.comes_back:
                continue
            high, low = top + GAP / 3 + shift, join + shift / 2
            start, end = (across + APART, high), (across + JOIN, low)
            corners = [start, (beside - shift, high), (beside - shift, low), end]
            axes.plot(*zip(*corners, strict=True), color=color, linewidth=1.3)
            _head(axes, *((corners[1], start) if back else (corners[2], end)), color)
        _join(axes, across, join)


@dataclass(frozen=True)
class Branches:
    """Blocks side by side."""

    blocks: "tuple[Block, ...]"
    into: tuple[Wire, ...]
    out: tuple[Wire, ...]
    name: str  # of what makes one value of theirs

    @property
    def width(self) -> float:
        return sum(block.width for block in self.blocks) + PAD * (len(self.blocks) - 1)

    @property
    def height(self) -> float:
        return max(block.height for block in self.blocks) + 2 * GAP + LINE + PAD

    @property
    def middle(self) -> float:
        return self.width / 2

    def draw(self, axes: "Axes", left: float, top: float) -> None:
        join = Node(self.name)
        across, end, tallest = left + self.middle, top + self.height, max(block.height for block in self.blocks)
        for block, into, out in zip(self.blocks, self.into, self.out, strict=True):
            begin = top + GAP + (tallest - block.height) / 2
            own = left + block.middle
            draw_wire(axes, into, (across, top), (own, begin))
            block.draw(axes, left, begin)
            # Each arrives at a place of its own.
            at = across + (own - across) / self.width * join.width
            draw_wire(axes, out, (own, begin + block.height), (at, end - join.height))
            left += block.width + PAD
        join.draw(axes, across - join.middle, end - join.height)


Block = Node | Series | Frame | Bypass | Branches


def draw_wire(axes: "Axes", wire: Wire, start: Sequence[float], end: Sequence[float], label: bool = False) -> None:
    """Forward in blue, and the cotangent's way back."""
    ways = [(BLUE, -APART, start, end)]
    if wire.comes_back:
        ways.append((ORANGE, APART, end, start))
    for color, shift, begin, goal in ways:
        _head(axes, (begin[0] + shift, begin[1]), (goal[0] + shift, goal[1]), color)
    if label:
        _text(axes, start[0] + 0.16, (start[1] + end[1]) / 2, wire.text, ha="left", fontsize=8)


def _head(axes: "Axes", start: Sequence[float], end: Sequence[float], color: str) -> None:
    style = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.3, "mutation_scale": 9}
    axes.annotate("", xy=(end[0], end[1]), xytext=(start[0], start[1]), arrowprops=style)


def _join(axes: "Axes", across: float, at: float) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((across, at), JOIN, facecolor="none", edgecolor=GREY))
    _text(axes, across, at, "+", ha="center", fontsize=11)


def _box(axes: "Axes", left: float, top: float, block: Any, color: str, alpha: float, round: float) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import FancyBboxPatch

    style = f"round,pad=0,rounding_size={round}"
    axes.add_patch(
        FancyBboxPatch(
            (left, top),
            block.width,
            block.height,
            boxstyle=style,
            facecolor=to_rgba(color, alpha),
            edgecolor=to_rgba(color, 0.7),
        )
    )


def _text(axes: "Axes", x: float, y: float, text: str, **style: Any) -> None:
    axes.text(x, y, text, va="center", parse_math=False, **style)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
