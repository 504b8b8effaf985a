"""Windows that slide over the spatial axes: what convolution and pooling share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer

__all__ = [
    "Padding",
    "Pairs",
    "Window",
    "pairs_of",
    "per_axis",
    "require_images",
    "require_places",
    "require_whole",
    "unchecked_window",
    "window_of",
]

Pairs = tuple[tuple[int, int], ...]  # (before, after), one a spatial axis
Padding = str | int | Sequence[int | tuple[int, int]]


@dataclass(frozen=True)
class Window:
    """Where a window lies on each spatial axis: place o, tap t reads element `o stride + t dilation - before`."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Pairs

    @property
    def extent(self) -> tuple[int, ...]:
        """Elements from the first to the last tap of a window, both included."""
        return tuple((size - 1) * dilation + 1 for size, dilation in zip(self.size, self.dilation, strict=True))

    def places(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """How many windows fit on each axis of these lengths."""
        axes = zip(spatial, self.padding, self.extent, self.strides, strict=True)
        return tuple((length + sum(pads) - extent) // stride + 1 for length, pads, extent, stride in axes)

    def adjoint_padding(self, spatial: Sequence[int]) -> Pairs:
        """Around the places, spread out by the stride, so that a mirrored window of stride 1 has a place an element."""
        axes = zip(spatial, self.places(spatial), self.strides, self.extent, self.padding, strict=True)
        return tuple(
            (extent - 1 - before, length - ((places - 1) * stride + 1) + before)
            for length, places, stride, extent, (before, _) in axes
        )


def per_axis(layer: str, name: str, value: int | Sequence[int], axes: int, least: int = 1) -> tuple[int, ...]:
    """An argument given as one number for all axes or as one an axis, as the latter."""
    numbers = _for_each(value, axes)
    if len(numbers) != axes or not all(_is_whole(number, least) for number in numbers):
        raise ValueError(
            f"{layer} needs {name} of {axes} whole numbers, {least} or more, or one for all: not {value!r}"
        )
    return numbers


def require_whole(layer: str, name: str, value: int) -> None:
    """ValueError unless an argument that all axes share is one whole number, 1 or more."""
    if not _is_whole(value, 1):
        raise ValueError(f"{layer} needs {name} of one whole number, 1 or more, not {value!r}")


def window_of(
    layer: Layer,
    spatial: Sequence[int],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...],
) -> Window:
    """The window on axes of these lengths, its padding made explicit.

    "SAME" pads so that there are ceil(length / stride) places, the odd element after; "VALID" does not pad.

    Raises:   ValueError if the window is larger than the padded axis.
    """
    window = unchecked_window(spatial, size, strides, padding, dilation)
    require_places(layer, window, spatial)
    return window


def unchecked_window(
    spatial: Sequence[int],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...],
) -> Window:
    """As `window_of`, even if the window is larger than the padded axis."""
    bare = Window(size, strides, dilation, ((0, 0),) * len(size))
    if padding == "SAME":
        axes = zip(spatial, bare.extent, strides, strict=True)
        missing = (max((-(-length // stride) - 1) * stride + extent - length, 0) for length, extent, stride in axes)
        pairs: Pairs = tuple((total // 2, total - total // 2) for total in missing)
    else:
        pairs = bare.padding if padding == "VALID" else padding  # type: ignore[assignment]  # checked by `pairs_of`
    return Window(size, strides, dilation, pairs)


def require_places(layer: Layer, window: Window, spatial: Sequence[int]) -> None:
    """ValueError if the window is larger than the padded axis."""
    for length, pads, extent in zip(spatial, window.padding, window.extent, strict=True):
        if length + sum(pads) < extent:
            raise ValueError(
                f"{layer} has a window of {extent}, larger than the {length} elements of an axis padded by "
                f"{pads[0]} and {pads[1]}: use a smaller window, more padding or larger inputs"
            )


def pairs_of(layer: str, padding: Padding, axes: int, names: tuple[str, ...]) -> str | Pairs:
    """The padding as one of these names or as pairs, from any form that is allowed."""
    if isinstance(padding, str):
        if padding.upper() not in names:
            raise ValueError(f"{layer} needs padding {', '.join(names)}, or numbers, not {padding!r}")
        return padding.upper()
    pairs = tuple(_for_each(pair, 2) for pair in _for_each(padding, axes))
    if len(pairs) != axes or not all(len(pair) == 2 and all(map(_is_whole, pair)) for pair in pairs):
        raise ValueError(f"{layer} needs padding of one number or pair for each of {axes} axes, not {padding!r}")
    return pairs


def _for_each(value: Any, count: int) -> tuple:
    """One number for all as one for each, a sequence as a tuple, and anything else as none."""
    if isinstance(value, int):
        return (value,) * count
    return tuple(value) if isinstance(value, Sequence) else ()


def _is_whole(number: Any, least: int = 0) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= least


def require_images(layer: Layer, x: jax.Array, axes: int) -> None:
    """ValueError unless `x` is floating point with a batch axis, this many spatial axes and channels."""
    require_float(layer, x)
    if len(x.shape) != axes + 2:
        raise ValueError(f"{layer} needs an input of shape (batch, {axes} spatial axes, channels), not {list(x.shape)}")
