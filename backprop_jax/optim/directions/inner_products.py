"""Inner products of trees taken as one vector."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.leafwise import PyTree, align, widen


def real_dot(updates: PyTree, other: PyTree, name: str = "grad") -> jax.Array:
    """Re Σ conj(u) v over all leaves, summed in at least float32; leaves without an update do not count.

    Raises: ValueError, with `name` for the other tree, if the trees differ in structure or shape.
    """
    _, rows = align(updates, [(name, other)])
    return jnp.asarray(sum((_dot(widen(u), widen(v)) for u, v in rows if u is not None), 0.0))


def squared_norm(updates: PyTree) -> jax.Array:
    """Σ |u|^2 over all leaves, summed in at least float32."""
    return real_dot(updates, updates)


# Not a matrix product, which accelerators round to fewer digits.
def _dot(u: jax.Array, v: jax.Array) -> jax.Array:
    product = jnp.real(jnp.conj(u) * v)
    return lax.reduce_sum(product, tuple(range(product.ndim)))
