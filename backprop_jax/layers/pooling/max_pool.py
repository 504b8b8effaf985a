"""Max pooling."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.pooling.maximum import first_maximum, index_dtype
from backprop_jax.layers.pooling.sliding import pool_window, set_window
from backprop_jax.layers.pooling.taps import pad, read, spread
from backprop_jax.layers.windows import Padding, Window, per_axis, require_images

__all__ = ["MaxPool"]


class MaxPoolResiduals(NamedTuple):
    index: jax.Array | None  # (B, *M, C); None for windows of one tap
    spatial: Static


@dataclass(frozen=True)
class MaxPool(Layer):
    """The largest element of each window, every channel by itself.

        y[b, o, c] = max_t x[b, o stride + t dilation - before, c]

    Shapes:   x (B, *N, C) float -> y (B, *M, C), over as many spatial axes as `window_shape` has entries.
              Params, state: none.
    Saves:    for each y the number t of the largest, in row-major order, in the smallest integer type for it: one byte
              up to 256 taps. Not x.
    Backward: dx[i] = Σ dy[o] over the o whose largest element is i. Of equal elements the first is the largest, as in
              `jax.grad` of `lax.reduce_window`; so is a NaN.
    Units:    `strides` are the sizes of the window if None. `padding` is "VALID" (none), "SAME" (ceil(N / stride)
              places) or one number or pair (before, after) an axis, of -inf. `ceil_mode` gives what is left at the end
              of an axis a window of its own.
    Raises:   ValueError for hyper-parameters that are no sizes, an input of another rank, a window larger than the
              padded input, and one that lies on padding alone.
    """

    window_shape: tuple[int, ...]
    strides: int | tuple[int, ...] | None = None
    padding: Padding = "VALID"
    window_dilation: int | tuple[int, ...] = 1
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        set_window(self)
        dilation = per_axis("MaxPool", "window_dilation", self.window_dilation, len(self.window_shape))
        object.__setattr__(self, "window_dilation", 1 if set(dilation) == {1} else dilation)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, MaxPoolResiduals]:
        require_images(self, x, len(self.window_shape))
        window = self._window(x.shape[1:-1])
        # One axis after the other, the last first: a sum of the sizes of taps and not their product.
        best, taps = pad(x, window, -math.inf), 1
        index = jnp.zeros(best.shape, index_dtype(math.prod(window.size)))
        for axis in reversed(range(len(window.size))):
            numbers = [index.dtype.type(tap * taps) + part for tap, part in enumerate(read(index, window, axis))]
            best, index = first_maximum(read(best, window, axis), numbers)
            taps *= window.size[axis]
        return best, state, MaxPoolResiduals(index if taps > 1 else None, Static(x.shape[1:-1]))

    def backward(self, params: PyTree, residuals: MaxPoolResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        spatial = residuals.spatial.value
        return (), spread(dy, self._window(spatial), spatial, residuals.index)

    def _window(self, spatial: tuple[int, ...]) -> Window:
        dilation = per_axis("MaxPool", "window_dilation", self.window_dilation, len(spatial))
        return pool_window(self, spatial, dilation)[0]
