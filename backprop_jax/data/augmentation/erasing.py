"""Images with a part erased."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.augmentation.boxes import random_boxes
from backprop_jax.data.augmentation.protocol import require_images

__all__ = ["cutout"]


@dataclass(frozen=True)
class cutout:
    """A square of each image erased, its centre on a random pixel: near a border less than the square is left.

    Shapes:   x (B, H, W, C) float -> the same; y as it is.
    Units:    size, the side, in pixels; `fill` in the units of x.
    Raises:   ValueError if size is no whole number of 1 or more, or x holds no images.
    Source:   DeVries & Taylor, 2017, arXiv:1708.04552, section 3.2.
    """

    size: int
    fill: float = 0.0

    def __post_init__(self) -> None:
        size = whole_number(self.size, least=1)
        if size is None:
            raise ValueError(f"cutout needs a size of a whole number of pixels, 1 or more, not {self.size!r}")
        object.__setattr__(self, "size", size)

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        require_images(self, x)
        erased = random_boxes(key, x, self.size, self.size)
        return jnp.where(erased, jnp.asarray(self.fill, x.dtype), x), y
