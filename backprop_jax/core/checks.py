"""Errors that name the layer, the value and the fix, raised while tracing and so before any computation."""

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer

__all__ = ["require_float"]


def require_float(layer: Layer, x: jax.Array, rank: int = 0) -> None:
    """ValueError unless `x` is a floating point array of at least `rank` axes."""
    if not (hasattr(x, "dtype") and hasattr(x, "shape")):
        raise ValueError(f"{layer} takes one array, but was given {type(x).__name__}")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"{layer} needs a floating point input, not {x.dtype}{list(x.shape)}: convert it with x.astype('float32')"
        )
    if len(x.shape) < rank:
        raise ValueError(f"{layer} needs an input of at least {rank} axes, not of shape {list(x.shape)}")
