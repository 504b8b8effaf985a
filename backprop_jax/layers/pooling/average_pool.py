"""Average pooling."""

from dataclasses import dataclass
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.pooling.sliding import pool_window, set_window
from backprop_jax.layers.pooling.taps import pad, read, spread
from backprop_jax.layers.windows import Padding, Window, require_images

__all__ = ["AvgPool"]


@dataclass(frozen=True)
class AvgPool(Layer):
    """The mean of each window, every channel by itself.

        y[b, o, c] = 1/n[o] Σ_t x[b, o stride + t - before, c],   n[o] the elements counted at place o

    Shapes:   x (B, *N, C) float -> y (B, *M, C), over as many spatial axes as `window_shape` has entries.
              Params, state: none.
    Saves:    no array.
    Backward: dx[i] = Σ dy[o] / n[o] over the o whose window holds i; sums in at least float32.
    Units:    `strides` are the sizes of the window if None. `padding` is "VALID" (none), "SAME" (ceil(N / stride)
              places) or one number or pair (before, after) an axis, of zeros, which `count_include_pad` counts.
              `ceil_mode` gives what is left at the end of an axis a window of its own; what it lacks is not counted.
    Raises:   ValueError for hyper-parameters that are no sizes, an input of another rank, a window larger than the
              padded input, and one that lies on padding alone.
    """

    window_shape: tuple[int, ...]
    strides: int | tuple[int, ...] | None = None
    padding: Padding = "VALID"
    count_include_pad: bool = True
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        set_window(self)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        require_images(self, x, len(self.window_shape))
        spatial = x.shape[1:-1]
        window, count = self._window(spatial)
        total = pad(x.astype(jnp.promote_types(x.dtype, jnp.float32)), window, 0)
        for axis in reversed(range(len(spatial))):
            total = reduce(jnp.add, read(total, window, axis))
        return (total / count).astype(x.dtype), state, Static(spatial)

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        spatial = residuals.value
        window, count = self._window(spatial)
        share = dy.astype(jnp.promote_types(dy.dtype, jnp.float32)) / count
        return (), spread(share, window, spatial).astype(dy.dtype)

    def _window(self, spatial: tuple[int, ...]) -> tuple[Window, np.ndarray]:
        """The window, and how many elements its mean is over: (*M, 1)."""
        window, counted = pool_window(self, spatial, (1,) * len(spatial))
        counts = []
        for axis, (length, places) in enumerate(zip(spatial, window.places(spatial), strict=True)):
            before, after = counted[axis] if self.count_include_pad else (0, 0)
            start = np.arange(places) * window.strides[axis] - window.padding[axis][0]
            counts.append(np.minimum(start + window.size[axis], length + after) - np.maximum(start, -before))
        return window, reduce(np.multiply.outer, counts)[..., None].astype(np.float32)
