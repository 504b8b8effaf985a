"""Gated linear units: one half of the numbers, weighed by what a function makes of the other."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.activations import Sigmoid
from backprop_jax.layers.elementwise import Elementwise

__all__ = ["GLU"]


@dataclass(frozen=True)
class GLU(Layer):
    """The first half of the last axis times the activation of the second.

        y = a f(b),   x = [a | b]

    Shapes:   x (..., 2 F) float -> y (..., F).   Params, state: none.
    Saves:    x. Not f(b): it is one operation away.
    Backward: da = f(b) dy,   db = f'(b) a dy,   in at least float32
    Units:    activation is Sigmoid() as in PyTorch's glu; SiLU() makes SwiGLU, GELU() GEGLU, ReLU() ReGLU. Where
              Dense(2 F) makes x, the last F columns of its weight are the gate's: [V | W] of the second paper's
              f(x W) (x V).
    Raises:   ValueError if x is not floating point or its last axis is odd or missing; TypeError if activation is no
              elementwise layer.
    Source:   Dauphin et al., 2017, arXiv:1612.08083, eq. 1; Shazeer, 2020, arXiv:2002.05202, eq. 5.
    """

    activation: Elementwise = Sigmoid()

    def __post_init__(self) -> None:
        if not isinstance(self.activation, Elementwise):
            raise TypeError(f"GLU needs an elementwise layer as its activation, not {self.activation!r}")

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x, rank=1)
        if x.shape[-1] % 2:
            raise ValueError(f"{self} halves the last axis, which must be even, but was given {list(x.shape)}")
        a, b = jnp.split(x, 2, -1)
        return a * self.activation.forward((), (), b)[0], state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        precise = jnp.promote_types(dy.dtype, jnp.float32)
        dy = dy.astype(precise)
        a, b = jnp.split(residuals.astype(precise), 2, -1)
        # forward: y = a f(b)   so: da = f(b) dy, db = f'(b) a dy
        gate, _, saved = self.activation.forward((), (), b)
        _, db = self.activation.backward((), saved, a * dy)
        return (), jnp.concatenate([gate * dy, db], -1).astype(residuals.dtype)
