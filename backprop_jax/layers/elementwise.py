"""What all elementwise layers share: a value, what is saved, and a derivative."""

from abc import abstractmethod
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["Elementwise"]


@dataclass(frozen=True)
class Elementwise(Layer):
    """A function of each element on its own.

        y = f(x)

    Shapes:   x (...) float -> y (...).   Params, state: none.
    Saves:    what `saved` says: the output where it suffices, since the next layer saves it too; a one-byte mask where
              the derivative takes two values; the input otherwise.
    Backward: dx = f'(x) dy, with f' in at least float32
    Raises:   ValueError if x is not floating point.
    """

    @abstractmethod
    def value(self, x: jax.Array) -> jax.Array:
        """f(x)."""

    @abstractmethod
    def saved(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """The one array that `derivative` needs."""

    @abstractmethod
    def derivative(self, saved: jax.Array) -> jax.Array:
        """f'(x) of what was saved."""

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x)
        y = self.value(x)
        return y, state, self.saved(x, y)

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        precise = jnp.promote_types(dy.dtype, jnp.float32)
        saved = residuals if residuals.dtype == bool else residuals.astype(precise)
        return (), (dy.astype(precise) * self.derivative(saved)).astype(dy.dtype)
