"""Pooling to a given size, whatever the size of the input."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.pooling.average_pool import AvgPool
from backprop_jax.layers.pooling.max_pool import MaxPool, MaxPoolResiduals
from backprop_jax.layers.pooling.maximum import first_maximum, index_dtype
from backprop_jax.layers.windows import require_images

__all__ = ["AdaptiveAvgPool", "AdaptiveMaxPool"]


@dataclass(frozen=True)
class AdaptiveAvgPool(Layer):
    """The means of `output_size` bins, every channel by itself.

        y[b, o, c] = mean of x[b, i, c] over i in bin o,   bin o from floor(o N / M) to before ceil((o + 1) N / M)

    Shapes:   x (B, *N, C) float -> y (B, *M, C), M = output_size, N where an entry is None.   Params, state: none.
    Saves:    no array.
    Backward: dx[i] = Σ dy[o] / n[o] over the bins o that hold i, n[o] their sizes; sums in at least float32.
              o is in bin i of N over M exactly where i is in bin o of M over N: the adjoint of a sum over bins is one.
    Units:    where M divides N this is `AvgPool` with windows and strides of N / M; otherwise bins overlap.
    Raises:   ValueError if output_size is not 1 or more for each spatial axis, or x has another rank or an empty axis.
    """

    output_size: tuple[int | None, ...]

    def __post_init__(self) -> None:
        _set_output_size(self)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        spatial, sizes = _sizes(self, x)
        if window := _even_window(spatial, sizes):
            return AvgPool(window).forward(params, state, x)
        y = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        for axis, size in enumerate(sizes):
            y = _bin_sums(y, axis, size)
        return (y / _bin_sizes(spatial, sizes)).astype(x.dtype), state, Static(spatial)

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        spatial, sizes = residuals.value, dy.shape[1:-1]
        if window := _even_window(spatial, sizes):
            return AvgPool(window).backward(params, residuals, dy)
        dx = dy.astype(jnp.promote_types(dy.dtype, jnp.float32)) / _bin_sizes(spatial, sizes)
        for axis, length in enumerate(spatial):
            dx = _bin_sums(dx, axis, length)
        return (), dx.astype(dy.dtype)


@dataclass(frozen=True)
class AdaptiveMaxPool(Layer):
    """The largest elements of `output_size` bins, every channel by itself.

        y[b, o, c] = max of x[b, i, c] over i in bin o,   bin o from floor(o N / M) to before ceil((o + 1) N / M)

    Shapes:   x (B, *N, C) float -> y (B, *M, C), M = output_size, N where an entry is None.   Params, state: none.
    Saves:    for each y the number of the largest element in its bin, as the smallest integer type for it. Not x.
    Backward: dx[i] = Σ dy[o] over the o whose largest element is i, the first of equal ones.
    Units:    where M divides N this is `MaxPool` with windows and strides of N / M; otherwise bins overlap.
    Raises:   ValueError if output_size is not 1 or more for each spatial axis, or x has another rank or an empty axis.
    """

    output_size: tuple[int | None, ...]

    def __post_init__(self) -> None:
        _set_output_size(self)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, MaxPoolResiduals]:
        spatial, sizes = _sizes(self, x)
        if window := _even_window(spatial, sizes):
            return MaxPool(window).forward(params, state, x)
        widest = _widest(spatial, sizes)
        best, taps = x, 1
        index = jnp.zeros(x.shape, index_dtype(math.prod(widest)))
        for axis in reversed(range(len(sizes))):
            start, end = _bins(spatial[axis], sizes[axis])
            # A narrow bin reads its last element again, which does not win over itself.
            reads = [np.minimum(start + tap, end - 1) for tap in range(widest[axis])]
            numbers = [index.dtype.type(tap * taps) + _take(index, axis, at) for tap, at in enumerate(reads)]
            best, index = first_maximum([_take(best, axis, at) for at in reads], numbers)
            taps *= widest[axis]
        return best, state, MaxPoolResiduals(index if taps > 1 else None, Static(spatial))

    def backward(self, params: PyTree, residuals: MaxPoolResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        index, spatial, sizes = residuals.index, residuals.spatial.value, dy.shape[1:-1]
        if window := _even_window(spatial, sizes):
            return MaxPool(window).backward(params, residuals, dy)
        dx, widest = jnp.zeros((), jnp.promote_types(dy.dtype, jnp.float32)), _widest(spatial, sizes)
        # Each element is in a few bins: one term for the first bin that holds it, one for the next, and so on.
        for turn in np.ndindex(_widest(sizes, spatial)):
            part, chosen, number, takes = dy, index, np.zeros((1,), int), np.ones((1,), bool)
            for axis, (length, size) in enumerate(zip(spatial, sizes, strict=True)):
                first, end = _bins(size, length)
                at = np.minimum(first + turn[axis], end - 1)
                tap = np.arange(length) - _bins(length, size)[0][at]
                number = number[..., None, :] * widest[axis] + tap[:, None]
                takes = takes[..., None, :] & (first + turn[axis] < end)[:, None]
                part = _take(part, axis, at)
                chosen = None if chosen is None else _take(chosen, axis, at)
            hit = jnp.asarray(takes) if chosen is None else (chosen == number.astype(chosen.dtype)) & takes
            dx += jnp.where(hit, part.astype(dx.dtype), 0)
        return (), dx.astype(dy.dtype)


def _bins(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of `count` bins over an axis begins, and the element after its last."""
    number = np.arange(count)
    return number * length // count, -(-(number + 1) * length // count)


def _widest(lengths: Sequence[int], counts: Sequence[int]) -> tuple[int, ...]:
    """The size of the largest bin on each axis."""
    bins = (_bins(length, count) for length, count in zip(lengths, counts, strict=True))
    return tuple(int((end - start).max()) for start, end in bins)


def _bin_sizes(spatial: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
    """How many elements each bin holds, (*M, 1)."""
    count = np.ones((), np.float32)
    for length, size in zip(spatial, sizes, strict=True):
        start, end = _bins(length, size)
        count = np.multiply.outer(count, (end - start).astype(np.float32))
    return count[..., None]


def _bin_sums(x: jax.Array, axis: int, count: int) -> jax.Array:
    """The sums of `count` bins over one spatial axis."""
    start, end = _bins(x.shape[axis + 1], count)
    total = jnp.zeros((), x.dtype)
    for tap in range(int((end - start).max())):
        inside = np.expand_dims(start + tap < end, tuple(range(1, x.ndim - 1 - axis)))
        total += jnp.where(inside, _take(x, axis, np.minimum(start + tap, end - 1)), 0)
    return total


def _take(x: jax.Array, axis: int, places: np.ndarray) -> jax.Array:
    return jnp.take(x, places, axis + 1, mode="clip")


def _even_window(spatial: Sequence[int], sizes: Sequence[int]) -> tuple[int, ...] | None:
    """The window of the plain pool where all bins are of one size and side by side."""
    pairs = list(zip(spatial, sizes, strict=True))
    return None if any(length % size for length, size in pairs) else tuple(length // size for length, size in pairs)


def _set_output_size(layer: AdaptiveAvgPool | AdaptiveMaxPool) -> None:
    sizes = layer.output_size
    valid = isinstance(sizes, Sequence) and len(sizes) > 0
    if not valid or not all(size is None or (isinstance(size, int) and size >= 1) for size in sizes):
        raise ValueError(
            f"{type(layer).__name__} needs an output_size of 1 or more for each spatial axis, or None to keep it, "
            f"as in (7, 7), not {sizes!r}"
        )
    object.__setattr__(layer, "output_size", tuple(sizes))  # a list would make the layer unhashable


def _sizes(layer: AdaptiveAvgPool | AdaptiveMaxPool, x: jax.Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The lengths of the spatial axes of x and of y."""
    require_images(layer, x, len(layer.output_size))
    spatial = x.shape[1:-1]
    if 0 in spatial:
        raise ValueError(f"{layer} needs spatial axes of one element or more, not an input of shape {list(x.shape)}")
    return spatial, tuple(
        length if size is None else size for length, size in zip(spatial, layer.output_size, strict=True)
    )
