"""What sliding windows read: strided slices of the padded input, one a tap, and the adjoint of reading."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.layers.windows import Window

__all__ = ["pad", "read", "spread"]


def pad(x: jax.Array, window: Window, value: float) -> jax.Array:
    """The input with this value around its spatial axes."""
    around = ((0, 0, 0), *((before, after, 0) for before, after in window.padding), (0, 0, 0))
    return lax.pad(x, jnp.asarray(value, x.dtype), around)


def read(padded: jax.Array, window: Window, axis: int) -> list[jax.Array]:
    """What each tap reads along one spatial axis: `padded[o stride + t dilation]` for each t."""
    size, stride, dilation = window.size[axis], window.strides[axis], window.dilation[axis]
    last = padded.shape[axis + 1] - (size - 1) * dilation
    return [lax.slice_in_dim(padded, tap * dilation, tap * dilation + last, stride, axis + 1) for tap in range(size)]


def spread(dy: jax.Array, window: Window, spatial: Sequence[int], index: jax.Array | None = None) -> jax.Array:
    """The adjoint of reading: each element of the input gets the dy of all places that read it.

    With an index, only of those where the tap that read it is the one named there, taps numbered in row-major order.

    Element i = q stride + phase - before is tap t of place o = q - j where t dilation = j stride + phase. So dx is a
    sum over j of terms that are one fused loop over all elements each, t being a small table of j and phase. Where
    windows do not overlap, j is 0 only: a reshape and a comparison. XLA's own adjoint of `reduce_window` compares the
    elements of each window again, one after the other on CPU.
    """
    rank = len(window.size)
    reach = [(extent - 1) // stride for extent, stride in zip(window.extent, window.strides, strict=True)]
    blocks = [
        -(-(length + before) // stride)
        for length, (before, _), stride in zip(spatial, window.padding, window.strides, strict=True)
    ]
    around = [(far, count - places, 0) for far, count, places in zip(reach, blocks, dy.shape[1:-1], strict=True)]

    def lay_out(array: jax.Array) -> jax.Array:
        return lax.pad(array, jnp.zeros((), array.dtype), ((0, 0, 0), *around, (0, 0, 0)))

    def moved(array: jax.Array, shift: tuple[int, ...]) -> jax.Array:
        """The array at q - j, with an axis of one phase after each spatial axis but the last, repeated in its place.

        XLA's loop over the longer last axis takes a quarter of the time where channels are few.
        """
        starts = [far - j for far, j in zip(reach, shift, strict=True)]
        ends = [start + count for start, count in zip(starts, blocks, strict=True)]
        part = lax.slice(array, (0, *starts, 0), (array.shape[0], *ends, array.shape[-1]))
        return jnp.expand_dims(jnp.repeat(part, window.strides[-1], rank), tuple(range(2, 2 * rank, 2)))

    precise = jnp.promote_types(dy.dtype, jnp.float32)
    dy_around, index_around = lay_out(dy), None if index is None else lay_out(index)
    dx = jnp.zeros((), precise)
    for shift in np.ndindex(*(far + 1 for far in reach)):
        tap, reads = _taps(window, shift, blocks[-1])
        if not reads.any():
            continue
        takes = jnp.asarray(reads)
        if index_around is not None:
            takes &= moved(index_around, shift) == tap.astype(index_around.dtype)
        dx += jnp.where(takes, moved(dy_around, shift).astype(precise), 0)
    lengths = [count * stride for count, stride in zip(blocks, window.strides, strict=True)]
    whole = dx.reshape(dy.shape[0], *lengths, dy.shape[-1])
    starts = [before for before, _ in window.padding]
    ends = [before + length for before, length in zip(starts, spatial, strict=True)]
    return lax.slice(whole, (0, *starts, 0), (dy.shape[0], *ends, dy.shape[-1])).astype(dy.dtype)


def _taps(window: Window, shift: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each phase, the number of the tap that place q - shift reads it with, and whether there is one.

    The last axis is the whole one: its phases, `count` times.
    """

    def column(numbers: Sequence[int]) -> np.ndarray:
        return np.reshape(numbers, (-1, *(1,) * len(shift)))

    offset = np.indices(window.strides) + column(shift) * column(window.strides)
    taps, rest = np.divmod(offset, column(window.dilation))
    reads = ((rest == 0) & (taps < column(window.size))).all(0)
    number = np.asarray(np.ravel_multi_index(tuple(taps), window.size, mode="clip"))
    beside = (1, *(length for stride in window.strides[:-1] for length in (1, stride)), -1, 1)
    repeats = (*(1,) * (len(shift) - 1), count)
    return np.tile(number, repeats).reshape(beside), np.tile(reads, repeats).reshape(beside)
