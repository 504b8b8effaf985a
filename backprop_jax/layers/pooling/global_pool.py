"""Pooling over all spatial axes."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.pooling.maximum import index_dtype

__all__ = ["GlobalAvgPool", "GlobalMaxPool"]


class GlobalMaxPoolResiduals(NamedTuple):
    index: jax.Array  # (B, C)
    spatial: Static


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean over all spatial axes.

        y[b, c] = 1/n Σ_i x[b, i, c],   n the number of places

    Shapes:   x (B, *N, C) float -> y (B, C).   Params, state: none.
    Saves:    no array.
    Backward: dx[i] = dy / n; the sum of y is in at least float32.
    Raises:   ValueError if x is not floating point, or has no spatial axes or an empty one.
    Source:   Lin, Chen & Yan, 2014, arXiv:1312.4400, sec. 3.2.
    """

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        spatial = _spatial(self, x)
        precise = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        return jnp.mean(precise, tuple(range(1, x.ndim - 1))).astype(x.dtype), state, Static(spatial)

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        spatial = residuals.value
        share = (dy.astype(jnp.promote_types(dy.dtype, jnp.float32)) / math.prod(spatial)).astype(dy.dtype)
        batch, channels = dy.shape
        return (), jnp.broadcast_to(share.reshape(batch, *(1,) * len(spatial), channels), (batch, *spatial, channels))


@dataclass(frozen=True)
class GlobalMaxPool(Layer):
    """The largest element over all spatial axes, every channel by itself.

        y[b, c] = max_i x[b, i, c]

    Shapes:   x (B, *N, C) float -> y (B, C).   Params, state: none.
    Saves:    for each y the number of the largest element, in row-major order, as the smallest integer type for it.
    Backward: dx[i] = dy where i is the largest, else 0. Of equal elements the first is the largest; so is a NaN.
    Raises:   ValueError if x is not floating point, or has no spatial axes or an empty one.
    """

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, GlobalMaxPoolResiduals]:
        spatial = _spatial(self, x)
        places = x.reshape(x.shape[0], math.prod(spatial), x.shape[-1])
        index = jnp.argmax(places, 1, keepdims=True)
        y = jnp.take_along_axis(places, index, 1)[:, 0]
        saved = index[:, 0].astype(index_dtype(places.shape[1]))
        return y, state, GlobalMaxPoolResiduals(saved, Static(spatial))

    def backward(self, params: PyTree, residuals: GlobalMaxPoolResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        index, spatial = residuals.index, residuals.spatial.value
        places = jnp.arange(math.prod(spatial), dtype=index.dtype)
        dx = jnp.where(index[:, None] == places[:, None], dy[:, None], 0)
        return (), dx.reshape(dy.shape[0], *spatial, dy.shape[-1])


def _spatial(layer: Layer, x: jax.Array) -> tuple[int, ...]:
    """The lengths of the spatial axes, of which there must be some, none of them empty."""
    require_float(layer, x)
    if len(x.shape) < 3 or 0 in x.shape[1:-1]:
        raise ValueError(f"{layer} needs an input of shape (batch, *spatial axes, channels), not {list(x.shape)}")
    return x.shape[1:-1]
