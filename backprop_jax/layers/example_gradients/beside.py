"""The gradient of a matrix whose columns are used in several ways."""

from dataclasses import dataclass
from functools import reduce
from operator import add

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import ExampleGradients

__all__ = ["Beside"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Beside(ExampleGradients):
    """The gradients of w = [w_1, w_2, ...], side by side in the last axis:   |g_i|² = Σ_k |g_ik|²."""

    parts: tuple[ExampleGradients, ...]

    @property
    def stacked(self) -> int:
        return self.parts[0].stacked

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        return jnp.concatenate([part.sum(weights) for part in self.parts], -1)

    def each(self) -> jax.Array:
        return jnp.concatenate([part.each() for part in self.parts], -1)

    def astype(self, dtype: jax.typing.DTypeLike) -> "Beside":
        return Beside(tuple(part.astype(dtype) for part in self.parts))

    def square_norms(self) -> jax.Array:
        return reduce(add, (part.square_norms() for part in self.parts))

    def square_sum(self, columns: str | None = None) -> jax.Array:
        return jnp.concatenate([part.square_sum(columns) for part in self.parts], -1)
