"""The products of a convolution of stride 1 as matrix products over strips of pixels: what is fast on CPUs.

A few images at a time are laid out as one strip, pixel after pixel, with enough zeros between rows and between images
that a tap is a constant distance along the strip. Taps are split in two: inner ones, along the last axes, which are put
side by side in the channels of the operand, and outer ones in the columns of the result, which are shifted and added.
So a pixel is copied as often as there are inner taps, not once a tap as by im2col, and the matrices are square.

With X the strip of x, D that of dy, and offsets such that tap (i, j) of place q reads pixel q + i + j:

    Y[q] = Σ_i Σ_j X[q + i + j] w[i, j],   dX[q] = Σ_i Σ_j D[q - i - j] w[i, j]ᵀ,   dw[i, j] = Σ_q X[q + i]ᵀ D[q - j]
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import product
from operator import add
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import PyTree
from backprop_jax.core.ordering import zeros_after
from backprop_jax.layers.windows import Window

__all__ = ["by_chunk", "convolve", "gradients"]

# Elements of x at a time: with its copies it stays in a cache of a few MB. Fewer cost loop overhead.
CHUNK = 2**18


class Strip(NamedTuple):
    """How images become a strip: lengths of the axes with their gap of zeros in front, and the offsets of the taps."""

    gap: tuple[int, ...]
    pitch: tuple[int, ...]
    outer: tuple[int, ...]
    inner: tuple[int, ...]

    @classmethod
    def of(cls, spatial: tuple[int, ...], window: Window, inner_axes: int) -> "Strip":
        # What is read past the end of a row is the gap in front of the next one.
        places = window.places(spatial)
        gap = tuple(
            max(0, before, after, count - length)
            for (before, after), count, length in zip(window.padding, places, spatial, strict=True)
        )
        pitch = tuple(length + zeros for length, zeros in zip(spatial, gap, strict=True))
        steps = [math.prod(pitch[axis + 1 :]) for axis in range(len(pitch))]
        axes = [
            [(tap * dilation + zeros - before) * step for tap in range(size)]
            for size, dilation, zeros, (before, _), step in zip(
                window.size, window.dilation, gap, window.padding, steps, strict=True
            )
        ]
        outer, inner = axes[: len(axes) - inner_axes], axes[len(axes) - inner_axes :]
        return cls(gap, pitch, tuple(map(sum, product(*outer))), tuple(map(sum, product(*inner))))

    def lay(self, images: jax.Array, gap: tuple[int, ...], before: int, after: int) -> jax.Array:
        """Images (n, *N, C) -> (before + pixels + after, C), with this gap in front of each axis."""
        axes = zip(images.shape[1:-1], self.pitch, gap, strict=True)
        padded = jnp.pad(images, ((0, 0), *((zeros, pitch - length - zeros) for length, pitch, zeros in axes), (0, 0)))
        return jnp.pad(padded.reshape(-1, images.shape[-1]), ((before, after), (0, 0)))

    def lift(self, strip: jax.Array, gap: tuple[int, ...], spatial: tuple[int, ...]) -> jax.Array:
        """The images of a strip without what lies before or after: (pixels, C) -> (n, *spatial, C)."""
        images = strip.reshape(-1, *self.pitch, strip.shape[-1])
        return images[:, *(slice(zeros, zeros + length) for zeros, length in zip(gap, spatial, strict=True))]


def convolve(x: jax.Array, w: jax.Array, window: Window) -> jax.Array:
    """y."""
    channels, features = w.shape[-2:]
    strip = Strip.of(x.shape[1:-1], window, _inner_axes(window, channels, features))
    flat = w.reshape(len(strip.outer), len(strip.inner), *w.shape[-2:])
    columns = flat.transpose(1, 2, 0, 3).reshape(-1, len(strip.outer) * w.shape[-1])  # (inner C, outer F)

    def some(_: tuple, x: jax.Array) -> tuple[tuple, jax.Array]:
        pixels = len(x) * math.prod(strip.pitch)
        laid = strip.lay(x, strip.gap, 0, max(strip.outer) + max(strip.inner))
        rows = _side_by_side(laid, strip.inner, pixels + max(strip.outer))
        y = _shift_and_add(rows @ columns, strip.outer, pixels)
        return (), strip.lift(y, (0,) * len(strip.gap), places)

    places = window.places(x.shape[1:-1])
    y = zeros_after(x, (len(x), *places, features), x.dtype)
    return by_chunk(window, some, (), (x,), y)[1]


def gradients(x: jax.Array, w: jax.Array, dy: jax.Array, window: Window) -> tuple[jax.Array, jax.Array]:
    """dx and dw, made together: both need the strip of dy with its inner taps side by side."""
    channels, features = w.shape[-2:]
    strip = Strip.of(x.shape[1:-1], window, _inner_axes(window, features, 2 * channels))
    taps = len(strip.outer), len(strip.inner)
    columns = w.reshape(*taps, channels, features).transpose(1, 3, 0, 2).reshape(taps[1] * features, -1)
    most_outer, most_inner = max(strip.outer), max(strip.inner)

    def some(dw: jax.Array, x: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        pixels = len(x) * math.prod(strip.pitch)
        whole = most_outer + pixels + most_inner  # q from -most_outer on
        laid = strip.lay(dy, (0,) * len(strip.gap), most_outer + most_inner, most_inner)
        dy_rows = _side_by_side(laid, [most_inner - inner for inner in strip.inner], whole)  # D[q - j]
        laid = strip.lay(x, strip.gap, most_outer, most_outer + most_inner)
        x_rows = _side_by_side(laid, strip.outer, whole)  # X[q + i]
        dx = _shift_and_add(dy_rows @ columns, [most_outer - outer for outer in strip.outer], pixels)
        return dw + x_rows.T @ dy_rows, strip.lift(dx, strip.gap, x.shape[1:-1])

    dw = zeros_after(dy, (taps[0] * channels, taps[1] * features), dy.dtype)
    dw, dx = by_chunk(window, some, dw, (x, dy), zeros_after(dy, x.shape, dy.dtype))
    by_tap = dw.reshape(taps[0], channels, taps[1], features).transpose(0, 2, 1, 3)
    return dx, by_tap.reshape(w.shape)


def _inner_axes(window: Window, inner_cost: int, outer_cost: int) -> int:
    """How many of the last axes are inner, so that the fewest numbers are copied a pixel."""

    def copies(axes: int) -> int:
        outer = len(window.size) - axes
        return math.prod(window.size[outer:]) * inner_cost + math.prod(window.size[:outer]) * outer_cost

    return min(range(len(window.size) + 1), key=copies)


def by_chunk(
    window: Window, fn: Callable, total: PyTree, arrays: tuple[jax.Array, ...], out: jax.Array
) -> tuple[PyTree, jax.Array]:
    """`total, y = fn(total, *images)` for a few images of each array at a time, y written into `out`."""
    batch = len(arrays[0])
    most = CHUNK // max(1, math.prod(arrays[0].shape[1:])) if math.prod(window.size) > 1 else batch
    count = next((size for size in range(min(most, batch), 1, -1) if batch % size == 0), 1)

    def step(carry: tuple[PyTree, jax.Array], start: jax.Array) -> tuple[tuple[PyTree, jax.Array], None]:
        total, out = carry
        chunks = (lax.dynamic_slice_in_dim(array, start, count) for array in arrays)
        total, y = fn(total, *chunks)
        return (total, lax.dynamic_update_slice_in_dim(out, y, start, 0)), None

    if batch > 0:
        (total, out), _ = lax.scan(step, (total, out), jnp.arange(0, batch, count))
    return total, out


def _side_by_side(strip: jax.Array, offsets: Sequence[int], length: int) -> jax.Array:
    return jnp.concatenate([strip[offset : offset + length] for offset in offsets], axis=1)


def _shift_and_add(strip: jax.Array, offsets: Sequence[int], length: int) -> jax.Array:
    columns = jnp.split(strip, len(offsets), axis=1)
    return reduce(add, (part[offset : offset + length] for part, offset in zip(columns, offsets, strict=True)))
