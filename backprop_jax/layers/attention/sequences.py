"""The three forms in which sequences come: an array, `Padded` with lengths, `Packed` with segments."""

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.attention.packed import Packed
from backprop_jax.layers.attention.visibility import Visibility
from backprop_jax.layers.recurrent.padded import Padded, require_padded

__all__ = ["require_segments", "sequences_of", "visibility_of", "with_sequences"]


def sequences_of(x: PyTree) -> jax.Array:
    """The array."""
    return x.x if isinstance(x, Padded | Packed) else x


def with_sequences(x: PyTree, array: jax.Array) -> PyTree:
    """The array in the form of x."""
    return x._replace(x=array) if isinstance(x, Padded | Packed) else array


def visibility_of(layer: Layer, x: PyTree) -> Visibility | None:
    """Which of these steps are seen, by one another if x is `Packed`; ValueError if lengths or segments do not fit."""
    if isinstance(x, Packed):
        segments = require_segments(layer, x)
        return Visibility(segments=(segments, segments))
    if isinstance(x, Padded):
        require_padded(layer, x)
        return Visibility(keys=x.lengths)
    return None


def require_segments(layer: Layer, packed: Packed) -> jax.Array:
    """The segments (B, T), or ValueError if they do not fit the sequences."""
    x, segments = packed
    if segments is None or segments.shape != x.shape[:2]:
        found = None if segments is None else list(segments.shape)
        raise ValueError(f"{layer} needs segments (B, T) in Packed, as its x {list(x.shape)}, not {found}")
    if not jnp.issubdtype(segments.dtype, jnp.integer):
        raise ValueError(f"{layer} needs segments in Packed as integers, not {segments.dtype}")
    return segments
