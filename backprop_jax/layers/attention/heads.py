"""From the layout of sequences, heads within steps, to that of products, steps within heads, and back."""

import math

import jax
import jax.numpy as jnp

__all__ = ["from_heads", "key_heads", "query_heads"]


def query_heads(q: jax.Array, groups: int) -> jax.Array:
    """(B, T, H, K) -> (B, G, R, T, K): head g R + r looks at the keys of group g."""
    batch, steps, heads, width = q.shape
    return jnp.swapaxes(q, 1, 2).reshape(batch, groups, heads // groups, steps, width)


def key_heads(k: jax.Array) -> jax.Array:
    """(B, S, G, K) -> (B, G, S, K)."""
    return jnp.swapaxes(k, 1, 2)


def from_heads(x: jax.Array) -> jax.Array:
    """The inverse, and adjoint, of both."""
    batch, *heads, steps, width = x.shape
    return jnp.swapaxes(x.reshape(batch, math.prod(heads), steps, width), 1, 2)
