"""A scale and a shift for each channel."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.normalization.checks import require_width

__all__ = ["Affine"]


@dataclass(frozen=True)
class Affine(Layer):
    """The last axis scaled and shifted, each entry by its own parameters: a batch norm whose statistics are fixed.

        y = scale x + shift

    Shapes:   x (..., C) float -> y (..., C).   Params: scale (C,), shift (C,).   State: none.
    Saves:    x.
    Backward: dx = scale dy,   dscale = Σ dy x,   dshift = Σ dy, both summed over all axes but the last
    Raises:   ValueError if x is not floating point, has no axes, or its width is not that of scale.
    """

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=1)
        dtype = jnp.promote_types(x.dtype, jnp.float32)
        return {"scale": jnp.ones(x.shape[-1:], dtype), "shift": jnp.zeros(x.shape[-1:], dtype)}, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x, rank=1)
        require_width(self, params, x)
        return params["scale"] * x + params["shift"], state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, scale, shift = residuals, params["scale"], params["shift"]
        rows, precise = tuple(range(dy.ndim - 1)), jnp.promote_types(dy.dtype, jnp.float32)
        dparams = {
            "scale": jnp.sum(dy.astype(precise) * x, rows).astype(scale.dtype),
            "shift": jnp.sum(dy, rows, dtype=precise).astype(shift.dtype),
        }
        return dparams, (scale * dy).astype(x.dtype)
