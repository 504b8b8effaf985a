"""The number of steps taken, as transforms keep it in their state."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def first_count() -> jax.Array:
    """Zero, as int32."""
    return jnp.zeros((), jnp.int32)


def next_count(count: jax.Array) -> jax.Array:
    """`count + 1`, staying at the largest value of its dtype: wrapped to a negative step, schedules and Adam break."""
    return lax.min(count, jnp.array(jnp.iinfo(count.dtype).max - 1, count.dtype)) + 1
