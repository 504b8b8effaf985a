"""The products of a convolution in which every channel has its own kernels: there is no matrix in it.

A tap multiplies all channels of its pixels at once, so that one loop over the pixels, which XLA makes of the sum over
taps, computes all of it. With w (*K, 1, F), feature f reads channel f // (F / C).
"""

from functools import reduce
from itertools import product
from operator import add

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.layers.convolution.strips import by_chunk, images_a_chunk
from backprop_jax.layers.windows import Pairs, Window

__all__ = ["convolve", "gradients"]


def convolve(x: jax.Array, w: jax.Array, window: Window) -> jax.Array:
    """y, for any stride."""
    kernels = w.reshape(*window.size, x.shape[-1], -1)
    padded, places = _pad(x[..., None], window.padding), window.places(x.shape[1:-1])
    y = reduce(add, (_read(padded, tap, window, places) * kernels[tap] for tap in _taps(window)))
    return y.reshape(*y.shape[:-2], -1)


def gradients(x: jax.Array, w: jax.Array, dy: jax.Array, window: Window) -> tuple[jax.Array, jax.Array]:
    """dx[i] = Σ_t dy[i + before - t dilation] w[t] and dw[t] = Σ_o x[o + t dilation - before] dy[o], for stride 1."""
    spatial, places = x.shape[1:-1], dy.shape[1:-1]
    kernels = w.reshape(*window.size, x.shape[-1], -1)
    # The place of x's first element, counted from the last tap, and as many places as x has elements.
    backward = tuple(
        (extent - 1 - before, length + before - count)
        for extent, (before, _), length, count in zip(window.extent, window.padding, spatial, places, strict=True)
    )
    spread = _pad(dy.reshape(*dy.shape[:-1], x.shape[-1], -1), backward)
    mirrored = [tuple(size - 1 - tap for size, tap in zip(window.size, taps, strict=True)) for taps in _taps(window)]
    taps_of = zip(_taps(window), mirrored, strict=True)
    dx = reduce(add, (_read(spread, mirror, window, spatial) * kernels[tap] for tap, mirror in taps_of)).sum(-1)

    def some(dw: jax.Array, images: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        x, dy = _pad(images[0][..., None], window.padding), images[1].reshape(*images[1].shape[:-1], x_channels, -1)
        axes = tuple(range(x.ndim - 2))
        return dw + jnp.stack([jnp.sum(_read(x, tap, window, places) * dy, axes) for tap in _taps(window)]), None

    x_channels, count = x.shape[-1], images_a_chunk(x, window)
    start = jnp.zeros((len(mirrored), x_channels, w.shape[-1] // x_channels), dy.dtype)
    dw, _ = lax.scan(some, start, (by_chunk(x, count), by_chunk(dy, count)))
    return dx, dw.reshape(w.shape)


def _taps(window: Window) -> product:
    return product(*map(range, window.size))


def _pad(images: jax.Array, padding: Pairs) -> jax.Array:
    # lax.pad, for padding may be negative.
    return lax.pad(images, jnp.zeros((), images.dtype), [(0, 0, 0), *((*pair, 0) for pair in padding), *((0, 0, 0),) * 2])


def _read(padded: jax.Array, tap: tuple[int, ...], window: Window, places: tuple[int, ...]) -> jax.Array:
    """What a tap reads at each place."""
    starts = [index * dilation for index, dilation in zip(tap, window.dilation, strict=True)]
    slices = (
        slice(start, start + (count - 1) * stride + 1, stride)
        for start, count, stride in zip(starts, places, window.strides, strict=True)
    )
    return padded[:, *slices]
