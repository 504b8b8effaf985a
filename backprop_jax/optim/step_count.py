"""The number of steps taken, as transforms keep it in their state."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def first_count() -> jax.Array:
    """Zero, as int32."""
    return jnp.zeros((), jnp.int32)


def safe_increment(count: jax.typing.ArrayLike) -> jax.Array:
    """Return `count + 1`, or the largest value of its dtype once that is reached.

    Wrapped to a negative step, schedules and Adam break.

    Raises: ValueError if the dtype is neither integer nor real floating-point.
    """
    count = jnp.asarray(count)
    if jnp.issubdtype(count.dtype, jnp.integer):
        last = jnp.iinfo(count.dtype).max - 1
    elif jnp.issubdtype(count.dtype, jnp.floating):
        last = jnp.finfo(count.dtype).max  # adding 1 to it changes nothing
    else:
        raise ValueError(f"safe_increment: a count cannot be {count.dtype}; make it an integer, such as jnp.int32(0)")
    return lax.min(count, jnp.array(last, count.dtype)) + jnp.array(1, count.dtype)
