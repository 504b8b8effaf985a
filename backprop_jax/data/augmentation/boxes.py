"""A random box in each image of a batch: what cutout erases and cutmix exchanges."""

import jax
import jax.numpy as jnp

__all__ = ["random_boxes"]


def random_boxes(key: jax.Array, x: jax.Array, heights: jax.Array | int, widths: jax.Array | int) -> jax.Array:
    """Which pixels are in the box, (B, H, W, 1). Its sizes are one for all images, or (B,).

    The centre is any pixel of the image with the same probability, so that a box may lie partly outside: what is left
    of it is smaller then.
    """
    in_rows, in_columns = (
        _random_span(axis_key, x, axis, length)
        for axis_key, axis, length in zip(jax.random.split(key), (1, 2), (heights, widths), strict=True)
    )
    return (in_rows[:, :, None] & in_columns[:, None, :])[..., None]


def _random_span(key: jax.Array, x: jax.Array, axis: int, lengths: jax.Array | int) -> jax.Array:
    lengths = jnp.broadcast_to(lengths, (len(x),))
    centers = jax.random.randint(key, (len(x),), 0, x.shape[axis])
    starts = (centers - lengths // 2)[:, None]
    pixels = jnp.arange(x.shape[axis])
    return (pixels >= starts) & (pixels < starts + lengths[:, None])
