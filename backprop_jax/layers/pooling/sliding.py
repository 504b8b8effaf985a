"""The windows of a pool: what its arguments may be, and where on the input they lie."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backprop_jax.layers.windows import Pairs, Window, pairs_of, per_axis, require_places, unchecked_window

__all__ = ["pool_window", "round_up", "set_window"]


def set_window(layer: Any) -> None:
    """Checks `window_shape`, `strides` and `padding` of a pool and sets them in the one form that they are kept in."""
    name, shape = type(layer).__name__, layer.window_shape
    if not isinstance(shape, Sequence) or not shape:
        raise ValueError(f"{name} needs a window_shape of one size for each spatial axis, as in (2, 2), not {shape!r}")
    rank = len(shape)
    object.__setattr__(layer, "window_shape", per_axis(name, "window_shape", shape, rank))
    if layer.strides is not None:
        object.__setattr__(layer, "strides", per_axis(name, "strides", layer.strides, rank))
    object.__setattr__(layer, "padding", pairs_of(name, layer.padding, rank, ("SAME", "VALID")))


def pool_window(layer: Any, spatial: Sequence[int], dilation: tuple[int, ...]) -> tuple[Window, Pairs]:
    """The window of a pool on axes of these lengths, and its padding without what `ceil_mode` adds.

    Raises:   ValueError if it is larger than the padded input, or lies on padding alone somewhere.
    """
    shape, strides = layer.window_shape, layer.strides
    exact = unchecked_window(spatial, shape, shape if strides is None else strides, layer.padding, dilation)
    # Checked as rounded up: a window that is larger than the input can have what is left to itself.
    window = round_up(exact, spatial) if layer.ceil_mode else exact
    require_places(layer, window, spatial)
    for axis, length in enumerate(spatial):
        if not _reads_input(window, axis, length):
            before, after = window.padding[axis]
            raise ValueError(
                f"{layer} has windows on padding alone: an axis of {length} elements is padded by {before} and "
                f"{after}; pad by less than the window"
            )
    return window, exact.padding


def _reads_input(window: Window, axis: int, length: int) -> bool:
    """Whether each place has a tap on one of the elements of the axis."""
    places = (length + sum(window.padding[axis]) - window.extent[axis]) // window.strides[axis] + 1
    first = np.arange(places)[:, None] * window.strides[axis] - window.padding[axis][0]
    elements = first + np.arange(window.size[axis]) * window.dilation[axis]
    return bool(((elements >= 0) & (elements < length)).any(1).all())


def round_up(window: Window, spatial: Sequence[int]) -> Window:
    """The window, with one more place on each axis where elements are left at the end and it starts on one of them."""
    pairs = []
    axes = zip(spatial, window.places(spatial), window.padding, window.extent, window.strides, strict=True)
    for length, places, (before, after), extent, stride in axes:
        missing = places * stride + extent - (before + length + after)
        wanted = places >= 0 and missing < stride and places * stride < before + length
        pairs.append((before, after + missing * wanted))
    return replace(window, padding=tuple(pairs))
