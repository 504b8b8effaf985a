"""A convolution as one of stride 1 between blocks of pixels, whose pixels stand side by side in the channels.

For strides, and for so few channels that a matrix over them is too small to be fast. A block of x is as long as blocks
of y lie apart, so that the window moves by one block. The kernel between two blocks has the weight of tap t where that
takes the one pixel to the other, and zeros elsewhere: a few more products, in fewer and larger matrices. An infinite
pixel makes NaN of the other places of its blocks' windows, for zero times infinity is NaN.
"""

import math
from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.layers.convolution.pixels import join, separate
from backprop_jax.layers.windows import Window

__all__ = ["Blocks", "blocks_for"]

FEW = 16  # channels of a block of x below which a block of y has more than one pixel
MOST_WASTE = 1.5  # products with zeros among them over those without, above which phases are faster
MOST_WASTE_OF_FEW = 2


class Blocks(NamedTuple):
    """How pixels become blocks and taps become kernels between blocks."""

    inputs: tuple[int, ...]  # pixels in a block of x, on each axis
    outputs: tuple[int, ...]
    lead: tuple[int, ...]  # zeros in front of x
    window: Window  # over blocks
    taps: np.ndarray  # (blocks in a window x inputs x outputs, taps): 1 where the tap takes input to output

    def convolve(self, unstrided: Callable[..., jax.Array], x: jax.Array, w: jax.Array, window: Window) -> jax.Array:
        """y, from the function that gives it for a stride of 1."""
        y = unstrided(join(x, self.inputs, self.lead), self._expand(w), self.window)
        return separate(y, self.outputs, window.places(x.shape[1:-1]))

    def gradients(
        self,
        unstrided: Callable[..., tuple[jax.Array, jax.Array]],
        x: jax.Array,
        w: jax.Array,
        dy: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """dx and dw, from the function that gives them for a stride of 1."""
        blocks, dblocks = join(x, self.inputs, self.lead), join(dy, self.outputs)
        dx, dw = unstrided(blocks, self._expand(w), dblocks, self.window)
        return separate(dx, self.inputs, x.shape[1:-1], self.lead), self._gather(dw, w)

    def _expand(self, w: jax.Array) -> jax.Array:
        channels, features = w.shape[-2:]
        pixels = math.prod(self.inputs), math.prod(self.outputs)
        expanded = jnp.asarray(self.taps, w.dtype) @ w.reshape(-1, channels * features)
        kernels = expanded.reshape(-1, *pixels, channels, features)
        return kernels.transpose(0, 1, 3, 2, 4).reshape(*self.window.size, pixels[0] * channels, pixels[1] * features)

    def _gather(self, dw: jax.Array, w: jax.Array) -> jax.Array:
        """The adjoint of `_expand`."""
        channels, features = w.shape[-2:]
        pixels = math.prod(self.inputs), math.prod(self.outputs)
        kernels = dw.reshape(-1, pixels[0], channels, pixels[1], features).transpose(0, 1, 3, 2, 4)
        return (jnp.asarray(self.taps.T, dw.dtype) @ kernels.reshape(-1, channels * features)).reshape(w.shape)


def blocks_for(spatial: tuple[int, ...], window: Window, channels: int) -> Blocks | None:
    """The blocks for this convolution, or None where they do not pay."""
    few = channels * math.prod(window.strides) < FEW
    outputs = [1] * len(spatial)
    if few:
        # Windows then reach over two blocks or three. A power of two, of which lengths are mostly multiples.
        reach = max(1, (window.size[-1] - 1) // window.strides[-1])
        outputs[-1] = 2 ** (reach.bit_length() - 1)
    if max(*outputs, *window.strides) == 1:
        return None
    blocks = _blocks(spatial, window, tuple(outputs))
    products = math.prod(blocks.window.size) * math.prod(blocks.inputs)
    waste = products / math.prod(window.size)
    return blocks if waste <= (MOST_WASTE_OF_FEW if few else MOST_WASTE) else None


def _blocks(spatial: tuple[int, ...], window: Window, outputs: tuple[int, ...]) -> Blocks:
    inputs = tuple(count * stride for count, stride in zip(outputs, window.strides, strict=True))
    lead, padding, tables = [], [], []
    axes = zip(spatial, window.places(spatial), inputs, outputs, strict=True)
    for axis, (length, places, pixels, count) in enumerate(axes):
        # What output o of block 0 reads by tap t, counted from the first pixel.
        reads = np.add.outer(
            np.arange(count) * window.strides[axis],
            np.arange(window.size[axis]) * window.dilation[axis] - window.padding[axis][0],
        )
        # If padding makes windows begin within a block, zeros in front of x may let them reach over one block less.
        zeros = min(0, -reads.min() % pixels, key=lambda zeros: np.ptp((reads + zeros) // pixels))
        block, pixel = np.divmod(reads + zeros, pixels)
        first, last = int(block.min()), int(block.max())
        table = np.zeros((last - first + 1, pixels, count, window.size[axis]))
        o, t = np.indices(reads.shape)
        table[block - first, pixel, o, t] = 1
        tables.append(table)
        lead.append(int(zeros))
        padding.append((-first, -(-places // count) - 1 + last - (-(-(zeros + length) // pixels) - 1)))
    size, ones = tuple(len(table) for table in tables), (1,) * len(spatial)
    # Axes of the outer product: those of the first table, then those of the next. Alike axes together:
    order = [4 * axis + part for part in range(4) for axis in range(len(spatial))]
    taps = reduce(np.multiply.outer, tables).transpose(order).reshape(-1, math.prod(window.size))
    return Blocks(inputs, outputs, tuple(lead), Window(size, ones, ones, tuple(padding)), taps)
