"""A strided convolution as a sum of convolutions of stride 1, one a phase.

A tap reads places that are all in one phase of the stride: elements `phase, phase + stride, phase + 2 stride, …`. So x
is taken apart into its phases and w into the taps that read each, and no product is computed that is then thrown away.
"""

from collections.abc import Callable
from functools import reduce
from itertools import product
from math import gcd
from operator import add
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.layers.convolution.pixels import separate
from backprop_jax.layers.windows import Window

__all__ = ["convolve", "gradients"]

Convolve = Callable[[jax.Array, jax.Array, Window], jax.Array]
Gradients = Callable[[jax.Array, jax.Array, jax.Array, Window], tuple[jax.Array, jax.Array]]


class Phase(NamedTuple):
    """On one axis: which elements, which taps, and the padding that puts the taps in their places."""

    start: int
    taps: slice
    dilation: int
    padding: tuple[int, int]


def convolve(unstrided: Convolve, x: jax.Array, w: jax.Array, window: Window) -> jax.Array:
    """y, from the function that gives it for a stride of 1."""
    if max(window.strides) == 1:
        return unstrided(x, w, window)
    parts = [
        unstrided(_elements(x, phases, window), w[*(phase.taps for phase in phases)], _window(w, phases))
        for phases in _phases(x.shape[1:-1], window)
    ]
    if not parts:  # every tap reads padding
        return jnp.zeros((len(x), *window.places(x.shape[1:-1]), w.shape[-1]), x.dtype)
    return reduce(add, parts)


def gradients(
    unstrided: Gradients, x: jax.Array, w: jax.Array, dy: jax.Array, window: Window
) -> tuple[jax.Array, jax.Array]:
    """dx and dw, from the function that gives them for a stride of 1."""
    if max(window.strides) == 1:
        return unstrided(x, w, dy, window)
    dw, counts = jnp.zeros(w.shape, dy.dtype), tuple(map(_ceil_div, x.shape[1:-1], window.strides))
    parts = dict.fromkeys(np.ndindex(window.strides), jnp.zeros((len(x), *counts, x.shape[-1]), dy.dtype))
    for phases in _phases(x.shape[1:-1], window):
        taps = tuple(phase.taps for phase in phases)
        part, dw_part = unstrided(_elements(x, phases, window), w[taps], dy, _window(w, phases))
        dw = dw.at[taps].set(dw_part)
        missing = ((0, count - length) for count, length in zip(counts, part.shape[1:-1], strict=True))
        parts[tuple(phase.start for phase in phases)] = jnp.pad(part, ((0, 0), *missing, (0, 0)))
    return separate(jnp.concatenate(list(parts.values()), -1), window.strides, x.shape[1:-1]), dw


def _phases(spatial: tuple[int, ...], window: Window) -> product:
    places = window.places(spatial)
    axes = []
    for axis, (length, size, stride, dilation) in enumerate(
        zip(spatial, window.size, window.strides, window.dilation, strict=True)
    ):
        before, step = window.padding[axis][0], stride // gcd(stride, dilation)
        phases = []
        for first in range(min(step, size)):
            start = (first * dilation - before) % stride
            taps, spacing = slice(first, None, step), dilation * step // stride
            count = len(range(first, size, step))
            shift = -((first * dilation - before) // stride)
            elements = len(range(start, length, stride))
            after = places[axis] - 1 + (count - 1) * spacing - shift - (elements - 1)
            if elements > 0:
                phases.append(Phase(start, taps, spacing, (shift, after)))
        axes.append(phases)
    return product(*axes)


def _window(w: jax.Array, phases: tuple[Phase, ...]) -> Window:
    size = tuple(len(range(length)[phase.taps]) for phase, length in zip(phases, w.shape, strict=False))
    padding = tuple(phase.padding for phase in phases)
    return Window(size, (1,) * len(phases), tuple(phase.dilation for phase in phases), padding)


def _elements(x: jax.Array, phases: tuple[Phase, ...], window: Window) -> jax.Array:
    slices = (slice(phase.start, None, stride) for phase, stride in zip(phases, window.strides, strict=True))
    return x[:, *slices]


def _ceil_div(length: int, stride: int) -> int:
    return -(-length // stride)
