"""The products of a convolution in which every channel has its own kernels: there is no matrix in it.

A tap multiplies all channels of its pixels at once, so that one loop over the pixels, which XLA makes of the sum over
taps, computes all of it. With w (*K, 1, F), feature f reads channel f // (F / C).
"""

import math
from functools import reduce
from itertools import product
from operator import add

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.ordering import zeros_after
from backprop_jax.layers.convolution.chunks import by_chunk
from backprop_jax.layers.windows import Pairs, Window

__all__ = ["convolve", "gradients"]


def convolve(x: jax.Array, w: jax.Array, window: Window) -> jax.Array:
    """y, for any stride."""
    padded, places = _pad(_spread(x, w), window.padding), window.places(x.shape[1:-1])
    return reduce(add, (_read(padded, tap, window, places) * w[tap] for tap in _taps(window)))


def gradients(x: jax.Array, w: jax.Array, dy: jax.Array, window: Window) -> tuple[jax.Array, jax.Array]:
    """dx[i] = Σ_t dy[i + before - t dilation] w[t] and dw[t] = Σ_o x[o + t dilation - before] dy[o], for stride 1."""
    spatial, places = x.shape[1:-1], dy.shape[1:-1]

    def some(dw: jax.Array, x: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        padded, dy_padded = _pad(_spread(x, w), window.padding), _pad(dy, window.adjoint_padding(spatial))
        sums, dx = [], jnp.zeros((), dy.dtype)
        for tap in _taps(window):
            sums.append(jnp.sum(_read(padded, tap, window, places) * dy, tuple(range(x.ndim - 1))))
            mirrored = tuple(size - 1 - index for size, index in zip(window.size, tap, strict=True))
            dx += _read(dy_padded, mirrored, window, spatial) * w[tap]
        return dw + jnp.stack(sums), _gather(dx, x.shape[-1])

    dw = zeros_after((x, dy), (math.prod(window.size), w.shape[-1]), dy.dtype)
    copied = 4 * math.prod(x.shape[1:])  # both arrays, and padded
    dw, dx = by_chunk(copied, some, dw, (x, dy), zeros_after((dy, w), x.shape, dy.dtype))
    return dx, dw.reshape(w.shape)


def _spread(x: jax.Array, w: jax.Array) -> jax.Array:
    """Each channel once a feature that reads it. No axis of length one: XLA would make loops without vectors of it."""
    return x if x.shape[-1] == w.shape[-1] else jnp.repeat(x, w.shape[-1] // x.shape[-1], axis=-1)


def _gather(dx: jax.Array, channels: int) -> jax.Array:
    """The adjoint of `_spread`."""
    multiplier = dx.shape[-1] // channels
    return dx if multiplier == 1 else dx.reshape(*dx.shape[:-1], channels, multiplier).sum(-1)


def _taps(window: Window) -> product:
    return product(*map(range, window.size))


def _pad(images: jax.Array, padding: Pairs) -> jax.Array:
    # lax.pad, for padding may be negative.
    widths = [(0, 0, 0), *((*pair, 0) for pair in padding), (0, 0, 0)]
    return lax.pad(images, jnp.zeros((), images.dtype), widths)


def _read(padded: jax.Array, tap: tuple[int, ...], window: Window, places: tuple[int, ...]) -> jax.Array:
    """What a tap reads at each place."""
    starts = [index * dilation for index, dilation in zip(tap, window.dilation, strict=True)]
    slices = (
        slice(start, start + (count - 1) * stride + 1, stride)
        for start, count, stride in zip(starts, places, window.strides, strict=True)
    )
    return padded[:, *slices]
