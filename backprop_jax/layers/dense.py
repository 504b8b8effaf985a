"""The dense layer: an affine map of the last axis."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.example_gradients import summed
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal, zeros
from backprop_jax.layers.example_gradients import Outer, Rows

__all__ = ["Dense"]


@dataclass(frozen=True)
class Dense(Layer):
    """An affine map of the last axis.

        y = x w + b

    Shapes:   x (..., D) float -> y (..., F), F = features.   Params: w (D, F), b (F,).   State: none.
    Saves:    x.
    Backward: dx = dy wᵀ,   dw = xᵀ dy and db = Σ dy, both summed over all axes but the last
    Raises:   ValueError if features is less than 1, x is not floating point or has no axes, or its width is not w's.
    """

    features: int
    use_bias: bool = True
    kernel_init: Initializer = lecun_normal()
    bias_init: Initializer = zeros()

    def __post_init__(self) -> None:
        if not isinstance(self.features, int) or self.features < 1:
            raise ValueError(f"Dense needs a whole number of features, 1 or more, not {self.features!r}")

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=1)
        if x.shape[-1] == 0:
            raise ValueError(f"{self} needs inputs of width 1 or more, not of shape {list(x.shape)}")
        w_key, b_key = jax.random.split(key)
        dtype = jnp.promote_types(x.dtype, jnp.float32)
        params = {"w": self.kernel_init(w_key, (x.shape[-1], self.features), dtype)}
        if self.use_bias:
            params["b"] = self.bias_init(b_key, (self.features,), dtype)
        return params, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x, rank=1)
        w = params["w"]
        if x.shape[-1] != w.shape[0]:
            raise ValueError(f"{self} was initialized for inputs of width {w.shape[0]}, but was given {list(x.shape)}")
        y = x @ w
        return (y + params["b"] if self.use_bias else y), state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        dparams, dx = self.backward_per_example(params, residuals, dy)
        return summed(dparams), dx

    def backward_per_example(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, w = residuals, params["w"]
        dparams: PyTree = {"w": Outer.of(x, dy, w.dtype)}
        if self.use_bias:
            dparams["b"] = Rows.of(dy, params["b"].dtype)
        dx = (dy @ w.T).astype(x.dtype)
        return dparams, dx
