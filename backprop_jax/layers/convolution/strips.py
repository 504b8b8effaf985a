"""The products of a convolution of stride 1 as matrix products over strips of rows: what is fast on CPUs.

Taps are split in two: inner ones, along the last axes, which are put side by side in the channels of the operand, and
outer ones, which are put side by side in the columns of the result, then shifted and added. So that a shift is a
constant distance, a few images at a time are laid out as one strip, row after row, with rows of zeros between them. A
pixel is copied as often as there are inner taps, not once a tap as by im2col, and the matrices are nearly square.

With X the strip of x, D that of dy, rows q, offsets i of outer taps in rows, j of inner taps within a row:

    Y[q] = Σ_i Σ_j X[q + i, + j] w[i, j],   dX[q] = Σ_i Σ_j D[q - i, - j] w[i, j]ᵀ,   dw[i, j] = Σ_q X[q + i]ᵀ D[q, - j]
"""

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import product
from operator import add
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.ordering import zeros_after
from backprop_jax.layers.convolution.chunks import by_chunk
from backprop_jax.layers.windows import Pairs, Window

__all__ = ["convolve", "gradients"]


class Strip(NamedTuple):
    """How images become a strip: along the outer axes, each with a gap of zeros in front."""

    gap: tuple[int, ...]
    pitch: tuple[int, ...]  # length of an axis with its gap
    offsets: tuple[int, ...]  # of the outer taps, in rows

    @classmethod
    def of(cls, spatial: tuple[int, ...], window: Window, outer: int) -> "Strip":
        # What is read past the end of an axis is the gap in front of what follows.
        places = window.places(spatial)
        gap = tuple(
            max(0, before, after, count - length)
            for (before, after), count, length in zip(window.padding[:outer], places, spatial, strict=False)
        )
        pitch = tuple(length + zeros for length, zeros in zip(spatial, gap, strict=False))
        axes = [
            [(tap * dilation + zeros - before) * math.prod(pitch[axis + 1 :]) for tap in range(size)]
            for axis, (size, dilation, zeros, (before, _)) in enumerate(
                zip(window.size, window.dilation, gap, window.padding, strict=False)
            )
        ]
        return cls(gap, pitch, tuple(map(sum, product(*axes))))

    def lay(self, images: jax.Array, gap: tuple[int, ...], inner: Pairs, before: int, after: int) -> jax.Array:
        """Images (n, *N, C) -> (before + rows + after, *inner axes, C), the inner axes padded."""
        axes = zip(images.shape[1:], self.pitch, gap, strict=False)
        outer = [(zeros, pitch - length - zeros, 0) for length, pitch, zeros in axes]
        widths = [(0, 0, 0), *outer, *((*pair, 0) for pair in inner), (0, 0, 0)]
        padded = lax.pad(images, jnp.zeros((), images.dtype), widths)
        rows = padded.reshape(-1, *padded.shape[1 + len(outer) :])
        return jnp.pad(rows, ((before, after), *((0, 0),) * (rows.ndim - 1)))

    def lift(self, strip: jax.Array, gap: tuple[int, ...], spatial: tuple[int, ...]) -> jax.Array:
        """The images of a strip without what lies before or after: (pixels, C) -> (n, *spatial, C)."""
        images = strip.reshape(-1, *self.pitch, *spatial[len(gap) :], strip.shape[-1])
        return images[:, *(slice(zeros, zeros + length) for zeros, length in zip(gap, spatial, strict=False))]


def convolve(x: jax.Array, w: jax.Array, window: Window) -> jax.Array:
    """y."""
    channels, features = w.shape[-2:]
    outer = _outer_axes(window, channels, features)
    strip, places = Strip.of(x.shape[1:-1], window, outer), window.places(x.shape[1:-1])
    taps, width = len(strip.offsets), math.prod(places[outer:])
    columns = w.reshape(taps, -1, features).transpose(1, 0, 2).reshape(-1, taps * features)  # (inner C, outer F)

    def some(_: tuple, x: jax.Array) -> tuple[tuple, jax.Array]:
        laid = strip.lay(x, strip.gap, window.padding[outer:], 0, max(strip.offsets))
        starts = product(*(_steps(size, dilation) for size, dilation in _inner(window, outer)))
        z = _side_by_side(laid, starts, places[outer:]) @ columns
        pixels = len(x) * math.prod(strip.pitch) * width
        y = _shift_and_add(z, [offset * width for offset in strip.offsets], pixels)
        return (), strip.lift(y, (0,) * outer, places)

    copied = _copied(window, outer, channels, features) * math.prod(places)
    return by_chunk(copied, some, (), (x,), zeros_after((x, w), (len(x), *places, features), x.dtype))[1]


def gradients(x: jax.Array, w: jax.Array, dy: jax.Array, window: Window) -> tuple[jax.Array, jax.Array]:
    """dx and dw, made together: both need the strip of dy with its inner taps side by side."""
    (channels, features), spatial = w.shape[-2:], x.shape[1:-1]
    outer = _outer_axes(window, features, 2 * channels)
    strip, width = Strip.of(spatial, window, outer), math.prod(spatial[outer:])
    taps, most = len(strip.offsets), max(strip.offsets)
    columns = w.reshape(taps, -1, channels, features).transpose(1, 3, 0, 2).reshape(-1, taps * channels)
    backward = window.adjoint_padding(spatial)

    def some(dw: jax.Array, x: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        laid = strip.lay(dy, (0,) * outer, backward[outer:], most, 0)  # q from -most on
        # Along the inner axes the last tap is first.
        starts = product(*(reversed(_steps(size, dilation)) for size, dilation in _inner(window, outer)))
        dy_rows = _side_by_side(laid, starts, spatial[outer:])  # D[q, - j]
        pixels = len(x) * math.prod(strip.pitch) * width
        shifts = [(most - offset) * width for offset in strip.offsets]
        dx = _shift_and_add(dy_rows @ columns, shifts, pixels)
        flat = strip.lay(x, strip.gap, ((0, 0),) * (len(spatial) - outer), most, most).reshape(-1, channels)
        x_rows = [flat[offset * width : offset * width + len(dy_rows)] for offset in strip.offsets]  # X[q + i]
        return dw + jnp.concatenate(x_rows, 1).T @ dy_rows, strip.lift(dx, strip.gap, spatial)

    dw = zeros_after((x, dy), (taps * channels, math.prod(window.size[outer:]) * features), dy.dtype)
    copied = _copied(window, outer, features, channels) * math.prod(spatial)
    dw, dx = by_chunk(copied, some, dw, (x, dy), zeros_after((dy, w), x.shape, dy.dtype))
    by_tap = dw.reshape(taps, channels, -1, features).transpose(0, 2, 1, 3)
    return dx, by_tap.reshape(w.shape)


def _outer_axes(window: Window, inner_cost: int, outer_cost: int) -> int:
    """How many of the first axes are outer, so that the fewest numbers are copied a pixel."""

    def copies(outer: int) -> int:
        return math.prod(window.size[outer:]) * inner_cost + math.prod(window.size[:outer]) * outer_cost

    return min(range(len(window.size), -1, -1), key=copies)


def _copied(window: Window, outer: int, inner_width: int, outer_width: int) -> int:
    """Numbers a pixel in the larger of operand and result; a kernel of one pixel copies none."""
    widths = math.prod(window.size[outer:]) * inner_width, math.prod(window.size[:outer]) * outer_width
    return max(widths) if math.prod(window.size) > 1 else 0


def _inner(window: Window, outer: int) -> zip:
    return zip(window.size[outer:], window.dilation[outer:], strict=True)


def _steps(size: int, dilation: int) -> range:
    return range(0, size * dilation, dilation)


def _side_by_side(rows: jax.Array, starts: Iterable[tuple[int, ...]], lengths: tuple[int, ...]) -> jax.Array:
    """What each tap reads of the inner axes, in the channels: (rows, *inner axes, C) -> (pixels, taps C)."""
    parts = [
        rows[:, *(slice(start, start + length) for start, length in zip(tap, lengths, strict=True))] for tap in starts
    ]
    return lax.concatenate(parts, rows.ndim - 1).reshape(-1, len(parts) * rows.shape[-1])


def _shift_and_add(strip: jax.Array, offsets: Sequence[int], length: int) -> jax.Array:
    columns = jnp.split(strip, len(offsets), axis=1)
    return reduce(add, (part[offset : offset + length] for part, offset in zip(columns, offsets, strict=True)))
