"""A case of the catalogue: the text of a call, which makes our optimizer and optax's, and how to run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

REAL = ("float32", "bfloat16")
ALL = (*REAL, "complex64")


@dataclass(frozen=True)
class Case:
    """`extra(params, updates)` are the keyword arguments of update beyond the parameters, such as the loss.

    `reads_in_optax` says that the repr of ours is a call that optax knows too.
    `gradient(params, noise)` takes the place of the random gradients, which it is given.
    """

    text: str
    dtypes: tuple[str, ...] = ALL
    extra: Callable[[Any, Any], dict[str, Any]] = lambda params, updates: {}
    tolerance: float = 1e-6
    reads_in_optax: bool = True
    gradient: Callable[[Any, Any], Any] = lambda params, noise: noise

    def __str__(self) -> str:
        return self.text

    @property
    def shapes(self) -> dict[str, Any]:
        """A tree with a matrix, a vector, a scalar and a None, in which every dtype of the case occurs."""
        other = self.dtypes[-1]
        return {
            "w": jax.ShapeDtypeStruct((3, 4), jnp.dtype(self.dtypes[0])),
            "b": jax.ShapeDtypeStruct((4,), jnp.dtype(self.dtypes[min(1, len(self.dtypes) - 1)])),
            "wave": [jax.ShapeDtypeStruct((), jnp.dtype(other)), None],
        }
