"""Rows of numbers in which there is one that is none."""

import jax.numpy as jnp
import numpy as np

__all__ = ["first_not_finite"]


def first_not_finite(rows: np.ndarray) -> tuple[int, float] | None:
    """The first row that holds NaN or infinity, and which of them; None if there is no such row."""
    if not jnp.issubdtype(rows.dtype, jnp.inexact):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(rows.sum()):  # which no row like that leaves finite, and which takes no memory
            return None
    finite = np.isfinite(rows)
    if finite.all():  # but too large to be added up
        return None
    place = np.unravel_index(np.argmin(finite), rows.shape)
    return int(place[0]), rows[place]
