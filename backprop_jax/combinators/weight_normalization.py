"""Weight normalization: the length of a weight vector and its direction as two parameters."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators.kernels import kernels_of, require_kernels, with_kernels
from backprop_jax.combinators.reparameterize import Reparameterize, reparameterize
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["LengthAndDirection", "weight_norm"]


def weight_norm(layer: Layer) -> Reparameterize:
    """The layer with each of its kernels, `w`, made of a direction v and a length g.

        w[..., f] = g[f] v[..., f] / ‖v[..., f]‖

    Every matrix or convolution kernel named `w` is normalized, a vector for each entry of its last axis, which are the
    output features. That of a ConvTranspose in G groups has F/G entries: a vector is then of one feature of each group,
    and these share a length. The layer starts as it would without.

    Params:   those of the layer with (v, g) in place of w: v like w, g as long as its last axis.
    State, saves: those of the layer.
    Backward: dg[f] = <dw, v> / ‖v‖,   dv = g / ‖v‖ (dw - dg v / ‖v‖): orthogonal to v
    Raises:   ValueError if the layer has no kernels, or holds a `scan`, whose kernels have an axis for its steps.
    Source:   Salimans & Kingma, 2016, arXiv:1602.07868, eq. 2-3.
    """
    require_kernels("weight_norm", layer)
    return reparameterize(layer, with_lengths, split_lengths)


class LengthAndDirection(NamedTuple):
    v: jax.Array  # (..., F), of any length but zero
    g: jax.Array  # (F,), the last axis of v


def with_lengths(free: PyTree) -> PyTree:
    """The parameters of the layer."""

    def product(part: PyTree) -> PyTree:
        if not isinstance(part, LengthAndDirection):
            return part
        return (part.g * (part.v / _lengths(part.v))).astype(part.v.dtype)

    return jax.tree.map(product, free, is_leaf=lambda node: isinstance(node, LengthAndDirection))


def split_lengths(key: jax.Array, params: PyTree) -> PyTree:
    """The free parameters that make these."""
    kernels = kernels_of(params)
    if not kernels:
        raise ValueError("weight_norm found no kernel to normalize: a parameter named w with two axes or more")

    def split(w: jax.Array) -> LengthAndDirection:
        lengths = _lengths(w)
        # A kernel initialized to zero has no direction, and any will do.
        return LengthAndDirection(jnp.where(lengths > 0, w, jnp.ones((), w.dtype)), lengths.astype(w.dtype))

    return with_kernels(params, {path: split(w) for path, w in kernels.items()})


def _lengths(v: jax.Array) -> jax.Array:
    precise = v.astype(jnp.promote_types(v.dtype, jnp.float32))
    return jnp.linalg.norm(precise.reshape(-1, v.shape[-1]), axis=0)
