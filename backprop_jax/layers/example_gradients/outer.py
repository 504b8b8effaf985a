"""The gradient of a matrix: for each example a sum of outer products."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.example_gradients import ExampleGradients, once, over, squares_one_by_one, static
from backprop_jax.layers.example_gradients.axes import by_example, precise
from backprop_jax.layers.example_gradients.lookup import Lookup
from backprop_jax.layers.rows import weight_gradient

__all__ = ["Outer"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Outer(ExampleGradients):
    """The gradients of w in y = x w.

        g_i = Σ_t x_itᵀ dy_it,   <g_i, h_i> = Σ_st <x_is, x'_it> <dy_is, dy'_it>

    The second form needs no (D, F) and is the cheaper where T (D + F) < D F; with T = 1 it is |x|² |dy|².

    Source:   Goodfellow, 2015, arXiv:1510.01799 (T = 1); Li et al., 2022, arXiv:2110.05679, section 4 (T > 1).
    """

    x: jax.Array  # (B, T, D)
    dy: jax.Array  # (B, T, F)
    dtype: Any = static()

    @classmethod
    def of(cls, x: jax.Array, dy: jax.Array, dtype: jax.typing.DTypeLike) -> "Outer":
        """From x (B, ..., D) and dy (B, ..., F)."""
        return cls(by_example(x), by_example(dy), jnp.dtype(dtype))

    @property
    def stacked(self) -> int:
        return self.x.ndim - 3

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        dy = self.dy if weights is None else (weights[:, None, None] * self.dy).astype(self.dy.dtype)
        x, dy = (a[:, 0] if a.shape[1] == 1 else a for a in (self.x, dy))
        return weight_gradient(x, dy).astype(self.dtype)

    def each(self) -> jax.Array:
        return jnp.einsum("btd,btf->bdf", *self._precise())

    def astype(self, dtype: jax.typing.DTypeLike) -> "Outer":
        return replace(self, dtype=jnp.dtype(dtype))

    def square_norms(self) -> jax.Array:
        x, dy = self._precise()
        (_, steps, width), features = x.shape, dy.shape[-1]
        if steps == 1 or steps * (width + features) < width * features:
            return self.inner(self)
        # One after the other: the gradients of all at once would be B matrices.
        return lax.map(lambda own: jnp.sum(jnp.square(own[0].T @ own[1])), (x, dy))

    def inner(self, other: ExampleGradients) -> jax.Array:
        if not isinstance(other, Outer):
            return other.inner(self) if isinstance(other, Lookup) else super().inner(other)
        (x, dy), (x_other, dy_other) = self._precise(), other._precise()
        return jnp.sum((x @ x_other.mT) * (dy @ dy_other.mT), (1, 2))

    def along(self, direction: jax.Array) -> jax.Array:
        x, dy = self._precise()
        return jnp.sum((x @ direction) * dy, (1, 2))

    def at(self, rows: jax.Array) -> jax.Array:
        x, dy = self._precise()
        return jnp.take_along_axis(x, rows[:, None], 2).mT @ dy

    def gram(self) -> jax.Array:
        if self.x.shape[1] != 1:
            return super().gram()
        x, dy = (array[:, 0] for array in self._precise())
        return (x @ x.T) * (dy @ dy.T)

    def square_sum(self, columns: str | None = None) -> jax.Array:
        if self.x.shape[1] > 1:
            return squares_one_by_one(self, columns)
        x, dy = (jnp.square(array[:, 0]) for array in self._precise())
        return once(columns, x).T @ over(columns, dy)

    def pairs(self) -> tuple[jax.Array, jax.Array]:
        return self.x, self.dy

    def _precise(self) -> tuple[jax.Array, jax.Array]:
        return precise(self.x), precise(self.dy)
