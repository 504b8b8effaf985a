"""The simple recurrent network."""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal, orthogonal, zeros
from backprop_jax.layers.example_gradients import Outer, Rows
from backprop_jax.layers.recurrent.step import backward_of_step, backward_of_step_per_example, forward_of_step
from backprop_jax.layers.recurrent.weights import project, require_features, width_of

__all__ = ["RNNCell"]

FUNCTIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}


@dataclass(frozen=True)
class RNNCell(Layer):
    """One step of the simple recurrent network.

        h' = f(x w + h u + b),   y = h',   f = tanh or ReLU

    Shapes:   (h (B, H), x (B, D)) -> (h', y (B, H)), H = features.
    Params:   w (D, H), u (H, H), b (H,).   State: none.
    Saves:    nothing but its output and its input: f' = 1 - y² or y > 0. With tanh in half precision, h' in float32.
    Backward: dz = (dh' + dy) f',   dh = dz uᵀ,   dx = dz wᵀ,   dw = xᵀ dz,   du = hᵀ dz,   db = Σ dz
    Raises:   ValueError if features is less than 1, f is another, or x is not (B, D) floating point of w's width.
    Source:   Elman, 1990, Cognitive Science 14(2); Le, Jaitly & Hinton, 2015, arXiv:1504.00941 (ReLU, with an
              orthogonal start).
    """

    features: int
    activation: Literal["tanh", "relu"] = "tanh"
    kernel_init: Initializer = lecun_normal()
    recurrent_init: Initializer = orthogonal()
    bias_init: Initializer = zeros()

    def __post_init__(self) -> None:
        require_features("RNNCell", "features", self.features)
        if self.activation not in FUNCTIONS:
            raise ValueError(f"RNNCell needs an activation of 'tanh' or 'relu', not {self.activation!r}")

    def initial_carry(self, x: jax.Array) -> jax.Array:
        """Zeros, for the x of one step."""
        width_of(self, x)
        return jnp.zeros((x.shape[0], self.features), x.dtype)

    def init(self, key: jax.Array, x: tuple[jax.Array, jax.Array]) -> tuple[PyTree, PyTree]:
        width, dtype = width_of(self, x[1])
        keys = jax.random.split(key, 3)
        return {
            "w": self.kernel_init(keys[0], (width, self.features), dtype),
            "u": self.recurrent_init(keys[1], (self.features, self.features), dtype),
            "b": self.bias_init(keys[2], (self.features,), dtype),
        }, ()

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return forward_of_step(self, params, state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return backward_of_step(self, params, residuals, dy)

    def backward_per_example(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return backward_of_step_per_example(self, params, residuals, dy)

    def project(self, params: PyTree, x: jax.Array) -> jax.Array:
        return project(self, params, x)

    def advance(self, params: PyTree, carry: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array, PyTree]:
        total = z + carry @ params["u"] + params["b"]
        h = FUNCTIONS[self.activation](total.astype(jnp.promote_types(total.dtype, jnp.float32)))
        y = h.astype(carry.dtype)
        # Near ±1 a rounded y does not tell 1 - y².
        return y, y, h if self.activation == "tanh" and y.dtype != h.dtype else None

    def retreat(
        self, params: PyTree, saved: PyTree, before: jax.Array, after: jax.Array, dcarry: jax.Array, dy: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        dh = dcarry + dy
        h = after if saved is None else saved
        dz = dh * (1 - h * h) if self.activation == "tanh" else jnp.where(h > 0, dh, 0)
        return dz @ params["u"].T, dz

    def collect(
        self, params: PyTree, saved: PyTree, x: jax.Array, before: jax.Array, after: jax.Array, steps: jax.Array
    ) -> tuple[PyTree, jax.Array]:
        dz = steps
        return {
            "w": Outer.of(x, dz, params["w"].dtype),
            "u": Outer.of(before, dz, params["u"].dtype),
            "b": Rows.of(dz, params["b"].dtype),
        }, dz @ params["w"].T

    def carries(self, y: jax.Array, saved: PyTree) -> jax.Array:
        return y
