"""Root-mean-square normalization: layer normalization without the mean."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.normalization.checks import require_eps, require_width

__all__ = ["RMSNorm"]


class RMSNormResiduals(NamedTuple):
    x: jax.Array
    rrms: jax.Array  # (..., 1)


@dataclass(frozen=True)
class RMSNorm(Layer):
    """The last axis divided by its root mean square, then scaled.

        y = scale x rrms,   rrms = 1 / sqrt(mean(x²) + eps)

    Shapes:   x (..., D) float -> y (..., D).   Params: scale (D,).   State: none.
    Saves:    x, and rrms (..., 1) in at least float32.
    Backward: with g = scale dy and x̂ = x rrms:   dx = rrms (g - x̂ mean(g x̂)),   dscale = Σ dy x̂
    Units:    eps is added to a mean square.
    Raises:   ValueError if eps is negative, x is not floating point, has no axes, or its width is not that of scale.
    Source:   Zhang & Sennrich, 2019, arXiv:1910.07467.
    """

    eps: float = 1e-6

    def __post_init__(self) -> None:
        require_eps(self, self.eps)

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=1)
        return {"scale": jnp.ones(x.shape[-1:], jnp.promote_types(x.dtype, jnp.float32))}, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, RMSNormResiduals]:
        require_float(self, x, rank=1)
        require_width(self, params, x)
        precise = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        rrms = lax.rsqrt(jnp.mean(precise * precise, -1, keepdims=True) + self.eps)
        residuals = RMSNormResiduals(x, rrms)
        return self.output_again(params, residuals), state, residuals

    def output_again(self, params: PyTree, residuals: RMSNormResiduals) -> jax.Array:
        """y, from what is saved: the layer after this one need not save its input."""
        x, rrms = residuals
        y = params["scale"] * (x.astype(rrms.dtype) * rrms)
        return y.astype(jnp.result_type(x, params["scale"]))

    def backward(self, params: PyTree, residuals: RMSNormResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, rrms = residuals
        dy = dy.astype(rrms.dtype)
        normalized = x.astype(rrms.dtype) * rrms
        rows = tuple(range(x.ndim - 1))
        dparams = {"scale": jnp.sum(dy * normalized, rows).astype(params["scale"].dtype)}
        g = params["scale"] * dy
        along = jnp.mean(g * normalized, -1, keepdims=True)
        dx = rrms * (g - normalized * along)
        return dparams, dx.astype(x.dtype)
