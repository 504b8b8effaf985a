"""Layer normalization: each row of the last axis by itself."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.normalization.checks import require_eps, require_width

__all__ = ["LayerNorm"]


class LayerNormResiduals(NamedTuple):
    x: jax.Array
    mean: jax.Array  # (..., 1)
    rstd: jax.Array  # (..., 1)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """The last axis normalized to zero mean and unit variance, then scaled and shifted.

        y = scale x̂ + shift,   x̂ = (x - mean) rstd,   rstd = 1 / sqrt(var + eps)

    Shapes:   x (..., D) float -> y (..., D).   Params: scale (D,), shift (D,).   State: none.
    Saves:    x, and mean, rstd (..., 1) in at least float32. Not x̂: it is two operations away.
    Backward: with g = scale dy:   dx = rstd (g - mean(g) - x̂ mean(g x̂)),   dscale = Σ dy x̂,   dshift = Σ dy
    Units:    eps is added to a variance.
    Raises:   ValueError if eps is negative, x is not floating point, has no axes, or its width is not that of scale.
    Source:   Ba, Kiros & Hinton, 2016, arXiv:1607.06450, eq. 4.
    """

    eps: float = 1e-6

    def __post_init__(self) -> None:
        require_eps(self, self.eps)

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=1)
        dtype = jnp.promote_types(x.dtype, jnp.float32)
        return {"scale": jnp.ones(x.shape[-1:], dtype), "shift": jnp.zeros(x.shape[-1:], dtype)}, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, LayerNormResiduals]:
        require_float(self, x, rank=1)
        require_width(self, params, x)
        precise = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        mean = jnp.mean(precise, -1, keepdims=True)
        centered = precise - mean
        rstd = lax.rsqrt(jnp.mean(centered * centered, -1, keepdims=True) + self.eps)
        residuals = LayerNormResiduals(x, mean, rstd)
        return self.output_again(params, residuals), state, residuals

    def output_again(self, params: PyTree, residuals: LayerNormResiduals) -> jax.Array:
        """y, from what is saved: the layer after this one need not save its input."""
        x, mean, rstd = residuals
        y = params["scale"] * ((x.astype(mean.dtype) - mean) * rstd) + params["shift"]
        return y.astype(jnp.result_type(x, params["scale"]))

    def backward(self, params: PyTree, residuals: LayerNormResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, mean, rstd = residuals
        dy = dy.astype(mean.dtype)
        normalized = (x.astype(mean.dtype) - mean) * rstd
        # forward: y = scale * normalized + shift
        rows = tuple(range(x.ndim - 1))
        dparams = {
            "scale": jnp.sum(dy * normalized, rows).astype(params["scale"].dtype),
            "shift": jnp.sum(dy, rows).astype(params["shift"].dtype),
        }
        g = params["scale"] * dy
        # forward: normalized removes the mean and the scale of x, so dx has no part along either
        mean_g = jnp.mean(g, -1, keepdims=True)
        along = jnp.mean(g * normalized, -1, keepdims=True)
        dx = rstd * (g - mean_g - normalized * along)
        return dparams, dx.astype(x.dtype)
