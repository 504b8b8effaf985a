"""Images shifted in their frame, and mirrored."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.augmentation.protocol import require_images

__all__ = ["random_crop", "random_flip"]

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@dataclass(frozen=True)
class random_crop:
    """Each image shifted by up to `padding` pixels: padded on all sides, then cropped to its size at a random place.

    Shapes:   x (B, H, W, C) float -> the same; y as it is.
    Units:    padding in pixels; each of the (2 padding + 1)² places is as likely. `mode` is that of `jnp.pad`, and
              "constant" pads with `fill`, in the units of x.
    Raises:   ValueError for a padding that is no whole number of 0 or more, an unknown mode, or an x that holds no
              images.
    Source:   He et al., 2016, arXiv:1512.03385, section 4.2.
    """

    padding: int = 4
    mode: str = "constant"
    fill: float = 0.0

    def __post_init__(self) -> None:
        padding = whole_number(self.padding, least=0)
        if padding is None:
            raise ValueError(
                f"random_crop needs a padding of a whole number of pixels, 0 or more, not {self.padding!r}"
            )
        object.__setattr__(self, "padding", padding)
        if self.mode not in MODES:
            raise ValueError(f"random_crop needs a mode of {', '.join(MODES)}, not {self.mode!r}")

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        require_images(self, x)
        widths = ((0, 0), (self.padding, self.padding), (self.padding, self.padding), (0, 0))
        options = {"constant_values": self.fill} if self.mode == "constant" else {}
        padded = jnp.pad(x, widths, self.mode, **options)
        corners = jax.random.randint(key, (len(x), 2), 0, 2 * self.padding + 1)

        def crop(image: jax.Array, corner: jax.Array) -> jax.Array:
            return lax.dynamic_slice(image, (corner[0], corner[1], 0), x.shape[1:])

        return jax.vmap(crop)(padded, corners), y


@dataclass(frozen=True)
class random_flip:
    """Each image mirrored with probability `rate`.

    Shapes:   x (B, H, W, C) float -> the same; y as it is.
    Units:    axis 2 of x exchanges left and right, axis 1 up and down.
    Raises:   ValueError if rate is outside [0, 1], axis is neither 1 nor 2, or x holds no images.
    """

    rate: float = 0.5
    axis: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"random_flip needs a rate from 0 to 1, the share of images it mirrors, not {self.rate}")
        if self.axis not in (1, 2):
            raise ValueError(f"random_flip needs axis 1 (up and down) or 2 (left and right), not {self.axis}")

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        require_images(self, x)
        mirrored = jax.random.bernoulli(key, self.rate, (len(x), 1, 1, 1))
        return jnp.where(mirrored, jnp.flip(x, self.axis), x), y
