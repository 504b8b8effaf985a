"""The gradient of a vector that is added to every row."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import ExampleGradients, static
from backprop_jax.layers.example_gradients.axes import by_example, precise
from backprop_jax.layers.rows import sum_of_rows

__all__ = ["Rows"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows(ExampleGradients):
    """The gradients of b in y = x + b:   g_i = Σ_t dy_it."""

    dy: jax.Array  # (B, T, F)
    dtype: Any = static()

    @classmethod
    def of(cls, dy: jax.Array, dtype: jax.typing.DTypeLike) -> "Rows":
        """From dy (B, ..., F)."""
        return cls(by_example(dy), jnp.dtype(dtype))

    @property
    def stacked(self) -> int:
        return self.dy.ndim - 3

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        if weights is None:
            return sum_of_rows(self.dy).astype(self.dtype)
        return (weights @ self.each()).astype(self.dtype)

    def each(self) -> jax.Array:
        return jnp.sum(precise(self.dy), 1)

    def astype(self, dtype: jax.typing.DTypeLike) -> "Rows":
        return replace(self, dtype=jnp.dtype(dtype))
