"""Sequences of different lengths in one array."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from backprop_jax.core.layer import Layer

__all__ = ["Padded", "mask_of", "require_padded"]


class Padded(NamedTuple):
    """A batch of sequences, the shorter ones filled up to T steps, and which steps are real.

    `lengths` is (B,) whole numbers, the first steps of each being real, or a mask (B, T), True at the real ones. What
    stands at the other steps changes neither a value nor a gradient, and their own gradient is 0.
    """

    x: jax.Array  # (B, T, ...)
    lengths: jax.Array  # (B,) integer in [0, T], or (B, T) bool


def mask_of(lengths: jax.Array, steps: int) -> jax.Array:
    """(B, T) bool, True at the real steps, from either form of `lengths`; ValueError if they have neither."""
    dtype, shape = getattr(lengths, "dtype", None), getattr(lengths, "shape", None)
    if dtype == jnp.bool_ and len(shape) == 2 and shape[1] == steps:
        return jnp.asarray(lengths)
    if dtype is not None and jnp.issubdtype(dtype, jnp.integer) and len(shape) == 1:
        return jnp.arange(steps) < lengths[:, None]
    found = type(lengths).__name__ if dtype is None else f"{dtype}{list(shape)}"
    raise ValueError(f"lengths are (B,) whole numbers or a (B, {steps}) mask of bool, not {found}")


def require_padded(layer: Layer, padded: Padded) -> jax.Array:
    """The mask (B, T), or ValueError if the lengths do not fit the sequences.

    Numbers are looked at where they are known. Under jit they are not: those below 0 are then 0, those above T are T.
    """
    x, lengths = padded
    if len(getattr(x, "shape", ())) < 2:
        raise ValueError(
            f"{layer} needs a batch of sequences, (B, T, ...), in Padded, not {jax.tree.map(jnp.shape, x)}"
        )
    batch, steps = x.shape[:2]
    mask = mask_of(lengths, steps)
    if mask.shape[0] != batch:
        raise ValueError(f"{layer} was given {mask.shape[0]} lengths for the {batch} sequences of {list(x.shape)}")
    if lengths.ndim == 1 and not isinstance(lengths, Tracer):
        for example, length in enumerate(np.asarray(lengths).tolist()):
            if not 0 <= length <= steps:
                raise ValueError(
                    f"{layer} needs lengths of 0 to {steps} steps, but that of example {example} is {length}"
                )
    return mask
