"""The embedding: rows of a table, looked up by number."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import ExampleGradients
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, normal
from backprop_jax.layers.example_gradients import Lookup

__all__ = ["Embedding"]


@dataclass(frozen=True)
class Embedding(Layer):
    """Rows of a table.

        y = table[x]

    Shapes:   x (...) integer in [-V, V) -> y (..., D), V = num_embeddings, D = features.   Params: table (V, D).
    State:    none.   Saves: x.
    Backward: dtable[v] = Σ dy over the places where x = v; dx does not exist.
    Raises:   ValueError if x is not an integer array or a size is less than 1. A negative number counts from the end.
              One outside [-V, V) cannot be seen under jit: as in `jnp.take`, its row is NaN; its cotangent is dropped.
    """

    num_embeddings: int
    features: int
    embedding_init: Initializer = normal(1.0)

    def __post_init__(self) -> None:
        if self.num_embeddings < 1 or self.features < 1:
            raise ValueError(
                f"Embedding needs at least 1 row and 1 feature, not {self.num_embeddings} and {self.features}"
            )

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        return {"table": self.embedding_init(key, (self.num_embeddings, self.features), jnp.float32)}, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        if not jnp.issubdtype(x.dtype, jnp.integer):
            raise ValueError(f"{self} needs integer row numbers, not {x.dtype}{list(x.shape)}")
        return jnp.take(params["table"], x, axis=0), state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, None]:
        table = params["table"]
        # Sums in at least float32: a frequent word has thousands of terms.
        rows = jnp.zeros(table.shape, jnp.promote_types(table.dtype, jnp.float32))
        dtable = rows.at[residuals].add(dy.astype(rows.dtype), mode="drop")
        return {"table": dtable.astype(table.dtype)}, None

    def backward_per_example(
        self, params: PyTree, residuals: jax.Array, dy: jax.Array
    ) -> tuple[dict[str, ExampleGradients], None]:
        table = params["table"]
        return {"table": Lookup.of(residuals, dy, len(table), table.dtype)}, None
