"""A few images at a time: what is copied of them stays in the cache."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import PyTree

__all__ = ["by_chunk"]

CHUNK = 2**20  # numbers copied at a time: they stay in a cache of a few MB. Fewer cost loop overhead.


def by_chunk(
    copied: int, fn: Callable, total: PyTree, arrays: tuple[jax.Array, ...], out: jax.Array
) -> tuple[PyTree, jax.Array]:
    """`total, y = fn(total, *images)` for a few images of each array at a time, y written into `out`.

    `copied` is how many numbers `fn` makes of an image; all images are one chunk if none.
    """
    batch = len(arrays[0])
    # Two at least: a loop of one XLA unrolls, and then computes its sums again for each element that reads one.
    most = min(CHUNK // copied, -(-batch // 2)) if copied > 0 else batch
    count = next((size for size in range(min(most, batch), 1, -1) if batch % size == 0), 1)

    def step(carry: tuple[PyTree, jax.Array], start: jax.Array) -> tuple[tuple[PyTree, jax.Array], None]:
        total, out = carry
        chunks = (lax.dynamic_slice_in_dim(array, start, count) for array in arrays)
        total, y = fn(total, *chunks)
        return (total, lax.dynamic_update_slice_in_dim(out, y, start, 0)), None

    if batch > 0:
        (total, out), _ = lax.scan(step, (total, out), jnp.arange(0, batch, count))
    return total, out
