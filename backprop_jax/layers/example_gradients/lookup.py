"""The gradient of a table whose rows are looked up."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import ExampleGradients, once, over, static
from backprop_jax.layers.example_gradients.axes import by_example, precise

__all__ = ["Lookup"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lookup(ExampleGradients):
    """The gradients of the table in y = table[x].

        g_i[v] = Σ dy_it over the t with x_it = v,   |g_i|² = Σ_st [x_is = x_it] <dy_is, dy_it>

    so that no table is formed for a norm.
    """

    x: jax.Array  # (B, T), row numbers of 0 or more; those outside the table have no gradient
    dy: jax.Array  # (B, T, D)
    num_embeddings: int = static()
    dtype: Any = static()

    @classmethod
    def of(cls, x: jax.Array, dy: jax.Array, num_embeddings: int, dtype: jax.typing.DTypeLike) -> "Lookup":
        """From row numbers x (B, ...), negative ones counting from the end, and dy (B, ..., D)."""
        dy = by_example(dy)
        x = x.reshape(dy.shape[:2])
        x = jnp.where(x < 0, x + num_embeddings, x)
        # Where it points nowhere it has no gradient, and its number must not be met again.
        inside = (x >= 0) & (x < num_embeddings)
        return cls(jnp.where(inside, x, -1), jnp.where(inside[..., None], dy, 0), num_embeddings, jnp.dtype(dtype))

    @property
    def stacked(self) -> int:
        return self.x.ndim - 2

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        dy = precise(self.dy)
        return self._scatter(self.x, dy if weights is None else weights[:, None, None] * dy).astype(self.dtype)

    def each(self) -> jax.Array:
        return jax.vmap(self._scatter)(self.x, precise(self.dy))

    def square_sum(self, columns: str | None = None) -> jax.Array:
        same = self.x[:, :, None] == self.x[:, None, :]
        # The row of g_i at x_it; it is met as often as its number is in the example.
        rows = same.astype(jnp.float32) @ precise(self.dy)
        squares = jnp.square(rows) / jnp.sum(same, 2)[..., None]
        return self._scatter(once(columns, self.x), over(columns, squares))

    def astype(self, dtype: jax.typing.DTypeLike) -> "Lookup":
        return replace(self, dtype=jnp.dtype(dtype))

    def inner(self, other: ExampleGradients) -> jax.Array:
        # Rows that no step looks up are zero here, so only the others of its rows matter.
        rows = other.at(jnp.maximum(self.x, 0))
        return jnp.sum(precise(self.dy) * rows, (1, 2))

    def along(self, direction: jax.Array) -> jax.Array:
        return jnp.sum(precise(self.dy) * direction[jnp.maximum(self.x, 0)], (1, 2))

    def at(self, rows: jax.Array) -> jax.Array:
        same = rows[:, :, None] == self.x[:, None, :]
        return same.astype(jnp.float32) @ precise(self.dy)

    def _scatter(self, x: jax.Array, dy: jax.Array) -> jax.Array:
        table = jnp.zeros((self.num_embeddings, dy.shape[-1]), dy.dtype)
        return table.at[jnp.where(x < 0, self.num_embeddings, x)].add(dy, mode="drop")
