"""The forms in which layers know the gradients of single examples."""

from backprop_jax.layers.example_gradients.beside import Beside
from backprop_jax.layers.example_gradients.lookup import Lookup
from backprop_jax.layers.example_gradients.outer import Outer
from backprop_jax.layers.example_gradients.rows import Rows

__all__ = ["Beside", "Lookup", "Outer", "Rows"]
