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
    lengths: jax.Array | None  # (B,) integer in [0, T], or (B, T) bool; None in a cotangent, for they have none


def mask_of(lengths: jax.Array | None, steps: int) -> jax.Array:
    """(B, T) bool, True at the real steps, from either form of `lengths`; ValueError if they have neither."""
    if lengths is None or not hasattr(lengths, "dtype"):
        raise ValueError(f"lengths are an array of whole numbers or bool, not {type(lengths).__name__}")
    if jnp.issubdtype(lengths.dtype, jnp.integer) and lengths.ndim == 1:
        return jnp.arange(steps) < lengths[:, None]
    if lengths.dtype == jnp.bool_ and lengths.ndim == 2 and lengths.shape[1] == steps:
        return jnp.asarray(lengths)
    found = f"{lengths.dtype}{list(lengths.shape)}"
    raise ValueError(f"lengths are (B,) whole numbers, or a mask (B, {steps}) of bool, not {found}")


def require_padded(layer: Layer, padded: Padded) -> jax.Array:
    """The mask (B, T), or ValueError if the lengths do not fit the sequences.

    Numbers are looked at where they are known. Under jit they are not: those below 0 are then 0, those above T are T.
    """
    x, lengths = padded
    if len(getattr(x, "shape", ())) < 2:
        raise ValueError(f"{layer} needs sequences (B, T, ...) in Padded, not {getattr(x, 'shape', type(x).__name__)}")
    batch, steps = x.shape[:2]
    mask = mask_of(lengths, steps)
    if mask.shape[0] != batch:
        raise ValueError(f"{layer} was given {mask.shape[0]} lengths for the {batch} sequences of {list(x.shape)}")
    if lengths is not None and lengths.ndim == 1 and not isinstance(lengths, Tracer):
        for example, length in enumerate(np.asarray(lengths).tolist()):
            if not 0 <= length <= steps:
                raise ValueError(f"{layer} needs lengths of 0 to {steps}, but that of sequence {example} is {length}")
    return mask
