"""Pixels that stand side by side in the channels, and back."""

import math

import jax
import jax.numpy as jnp

__all__ = ["join", "separate"]


def join(x: jax.Array, pixels: tuple[int, ...], lead: tuple[int, ...] | None = None) -> jax.Array:
    """Pixels (B, *N, C) -> blocks (B, *N / pixels, pixels C), zeros in the lead and in what the last block lacks."""
    axes = zip(x.shape[1:-1], pixels, lead or (0,) * len(pixels), strict=True)
    x = jnp.pad(x, ((0, 0), *((zeros, -(zeros + length) % count) for length, count, zeros in axes), (0, 0)))
    split = [part for length, count in zip(x.shape[1:-1], pixels, strict=True) for part in (length // count, count)]
    counts = range(1, 1 + len(split), 2)
    parts = x.reshape(len(x), *split, x.shape[-1]).transpose(0, *counts, *(axis + 1 for axis in counts), 1 + len(split))
    return parts.reshape(len(x), *split[::2], math.prod(pixels) * x.shape[-1])


def separate(
    blocks: jax.Array, pixels: tuple[int, ...], spatial: tuple[int, ...], lead: tuple[int, ...] | None = None
) -> jax.Array:
    """The inverse of `join`, for pixels of these lengths."""
    counts, channels = blocks.shape[1:-1], blocks.shape[-1] // math.prod(pixels)
    parts = blocks.reshape(len(blocks), *counts, *pixels, channels)
    order = [part for axis in range(1, 1 + len(pixels)) for part in (axis, axis + len(pixels))]
    lengths = (count * length for count, length in zip(counts, pixels, strict=True))
    x = parts.transpose(0, *order, parts.ndim - 1).reshape(len(blocks), *lengths, channels)
    return x[
        :, *(slice(zeros, zeros + length) for zeros, length in zip(lead or (0,) * len(spatial), spatial, strict=True))
    ]
