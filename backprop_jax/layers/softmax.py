"""Softmax and its logarithm, over one axis."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["LogSoftmax", "Softmax"]


@dataclass(frozen=True)
class Softmax(Layer):
    """Positive numbers that sum to one along an axis.

        y = exp(x - max x) / Σ exp(x - max x)

    Shapes:   x (..., V) float -> y (..., V), over `axis`.   Params, state: none.
    Saves:    y.
    Backward: dx = y (dy - Σ y dy)
    Raises:   ValueError if x is not floating point or has no axes.
    """

    axis: int = -1

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x, rank=1)
        y = jax.nn.softmax(x.astype(jnp.promote_types(x.dtype, jnp.float32)), self.axis).astype(x.dtype)
        return y, state, y

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        precise = jnp.promote_types(dy.dtype, jnp.float32)
        y, dy_precise = residuals.astype(precise), dy.astype(precise)
        dx = y * (dy_precise - jnp.sum(y * dy_precise, self.axis, keepdims=True))
        return (), dx.astype(dy.dtype)


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """The logarithm of softmax, safe where softmax underflows.

        y = x - max x - log Σ exp(x - max x)

    Shapes:   x (..., V) float -> y (..., V), over `axis`.   Params, state: none.
    Saves:    y.
    Backward: dx = dy - exp(y) Σ dy
    Raises:   ValueError if x is not floating point or has no axes.
    """

    axis: int = -1

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x, rank=1)
        y = jax.nn.log_softmax(x.astype(jnp.promote_types(x.dtype, jnp.float32)), self.axis).astype(x.dtype)
        return y, state, y

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        precise = jnp.promote_types(dy.dtype, jnp.float32)
        y, dy_precise = residuals.astype(precise), dy.astype(precise)
        dx = dy_precise - jnp.exp(y) * jnp.sum(dy_precise, self.axis, keepdims=True)
        return (), dx.astype(dy.dtype)
