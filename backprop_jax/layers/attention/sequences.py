"""The three forms in which sequences come: an array, `Padded` with lengths, `Packed` with segments."""

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.attention.packed import Packed
from backprop_jax.layers.attention.visibility import Visibility
from backprop_jax.layers.recurrent.padded import Padded, require_padded

__all__ = ["sequences_of", "visibility_of", "with_sequences"]


def sequences_of(x: PyTree) -> jax.Array:
    """The array."""
    return x.x if isinstance(x, Padded | Packed) else x


def with_sequences(x: PyTree, array: jax.Array) -> PyTree:
    """The array in the form of x."""
    return x._replace(x=array) if isinstance(x, Padded | Packed) else array


def visibility_of(layer: Layer, x: PyTree) -> Visibility | None:
    """Which of these steps are seen, by one another if x is `Packed`; ValueError if lengths or segments do not fit."""
    if isinstance(x, Packed):
        if x.segments is None or x.segments.shape != x.x.shape[:2]:
            found = None if x.segments is None else list(x.segments.shape)
            raise ValueError(f"{layer} needs segments (B, T) in Packed, as its x {list(x.x.shape)}, not {found}")
        if not jnp.issubdtype(x.segments.dtype, jnp.integer):
            raise ValueError(f"{layer} needs segments in Packed as integers, not {x.segments.dtype}")
        return Visibility(segments=(x.segments, x.segments))
    if isinstance(x, Padded):
        require_padded(layer, x)
        return Visibility(keys=x.lengths)
    return None
