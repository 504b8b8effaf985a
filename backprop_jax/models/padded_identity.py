"""The shortcut without parameters around a block that halves the image and adds channels."""

from dataclasses import dataclass

import jax
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.windows import require_images, require_whole

__all__ = ["PaddedIdentity"]


@dataclass(frozen=True)
class PaddedIdentity(Layer):
    """Every `strides`-th pixel, and channels of zeros after those of x.

        y[b, i, j, c] = x[b, i strides, j strides, c] if c < C, else 0

    Shapes:   x (B, H, W, C) float -> y (B, ceil(H / strides), ceil(W / strides), features).   Params, state: none.
              Saves: no array.
    Backward: dx[b, i strides, j strides, c] = dy[b, i, j, c] for c < C, 0 for the pixels that were left out.
    Raises:   ValueError if features or strides is no whole number of 1 or more, x is no batch of images with channels,
              or has more than `features` of them.
    Source:   He, Zhang, Ren & Sun, 2016, arXiv:1512.03385, option A of section 3.3.
    """

    features: int
    strides: int

    def __post_init__(self) -> None:
        for name in ("features", "strides"):
            require_whole("PaddedIdentity", name, getattr(self, name))

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        require_images(self, x, axes=2)
        added = self.features - x.shape[-1]
        if added < 0:
            raise ValueError(f"{self} adds channels up to {self.features}, but was given {list(x.shape)}")
        kept = x[:, :: self.strides, :: self.strides]
        return lax.pad(kept, _zero(x), [(0, 0, 0)] * 3 + [(0, added, 0)]), state, Static(x.shape)

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        *_, height, width, channels = residuals.value
        rows, columns = dy.shape[1:3]
        between = self.strides - 1
        # Where the last window is cut short, fewer than `between` pixels follow the last that was taken.
        below, right = height - 1 - (rows - 1) * self.strides, width - 1 - (columns - 1) * self.strides
        margins = [(0, 0, 0), (0, below, between), (0, right, between), (0, 0, 0)]
        return (), lax.pad(dy[..., :channels], _zero(dy), margins)


def _zero(x: jax.Array) -> jax.Array:
    return lax.full((), 0, x.dtype)
