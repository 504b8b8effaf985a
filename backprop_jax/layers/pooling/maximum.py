"""The first of the largest values, and its number."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["first_maximum", "index_dtype"]


def index_dtype(count: int) -> np.dtype:
    """The smallest type for the numbers below `count`."""
    return np.min_scalar_type(max(count - 1, 0))


def first_maximum(values: Sequence[jax.Array], numbers: Sequence[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """On each place the largest of the values and its number, of several the first. A NaN is larger than all."""
    best, number = values[0], numbers[0]
    for value, other in zip(values[1:], numbers[1:], strict=True):
        stays = (best >= value) | (best != best)
        best, number = jnp.where(stays, best, value), jnp.where(stays, number, other)
    return best, number
