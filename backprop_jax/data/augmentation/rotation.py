"""Images turned in their frame."""

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from backprop_jax.data.augmentation.protocol import require_images

__all__ = ["random_rotation", "rotate"]


@dataclass(frozen=True)
class random_rotation:
    """Each image turned about its centre by an angle from -degrees to degrees.

    Shapes:   x (B, H, W, C) float -> the same; y as it is.
    Units:    degrees; every angle is as likely. `fill`, in the units of x, is what lies outside of the image.
    Raises:   ValueError if degrees is negative or not finite, or x holds no images.
    """

    degrees: float
    fill: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.degrees < math.inf:
            raise ValueError(f"random_rotation needs degrees of 0 or more, the largest angle, not {self.degrees}")

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        require_images(self, x)
        angles = jax.random.uniform(key, (len(x),), minval=-1.0, maxval=1.0) * math.radians(self.degrees)
        return rotate(x, angles, self.fill), y


def rotate(x: jax.Array, angles: jax.Array, fill: float = 0.0) -> jax.Array:
    """Images (B, H, W, C) turned counter-clockwise about their centres by angles (B,) in radians.

    Each pixel is read from where it came from, bilinearly between the four pixels about that place; those outside of
    the image count as `fill`.
    """
    height, width = x.shape[1:3]
    down, right = (jnp.arange(n) - (n - 1) / 2 for n in (height, width))
    cos, sin = (f(angles)[:, None, None] for f in (jnp.cos, jnp.sin))
    rows = cos * down[:, None] + sin * right + (height - 1) / 2
    columns = cos * right - sin * down[:, None] + (width - 1) / 2
    # A place on a pixel must not miss it by rounding: at a border it would read the fill.
    top, left = jnp.floor(rows + 1e-4), jnp.floor(columns + 1e-4)
    image = jnp.arange(len(x))[:, None, None]
    turned = jnp.zeros((), jnp.promote_types(x.dtype, jnp.float32))
    for row, row_share in ((top, 1 - (rows - top)), (top + 1, rows - top)):
        for column, column_share in ((left, 1 - (columns - left)), (left + 1, columns - left)):
            place = (row.astype(jnp.int32), column.astype(jnp.int32))
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            pixels = jnp.where(inside[..., None], x.at[(image, *place)].get(mode="clip"), fill)
            turned = turned + (row_share * column_share)[..., None] * pixels
    return turned.astype(x.dtype)
