"""One axis of examples, one of the places within an example, one of features."""

import math

import jax
import jax.numpy as jnp

__all__ = ["by_example", "precise"]


def by_example(array: jax.Array) -> jax.Array:
    """(B, ..., D) -> (B, T, D). An array (D,), without an axis of examples, is one example."""
    array = array[None] if array.ndim == 1 else array
    return array.reshape(array.shape[0], math.prod(array.shape[1:-1]), array.shape[-1])


def precise(array: jax.Array) -> jax.Array:
    """In at least float32, as sums are."""
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))
