"""Errors that all normalizations share."""

import jax

from backprop_jax.core.layer import Layer, PyTree

__all__ = ["require_eps", "require_width"]


def require_eps(layer: Layer, eps: float) -> None:
    """ValueError if `eps`, what is added to a variance, is negative or NaN."""
    if not eps >= 0:
        raise ValueError(f"{type(layer).__name__} needs an eps of 0 or more, not {eps}")


def require_width(layer: Layer, params: PyTree, x: jax.Array) -> None:
    """ValueError unless the last axis of `x` has the width that the parameters were made for."""
    width = params["scale"].shape[0]
    if x.shape[-1] != width:
        raise ValueError(f"{layer} was initialized for inputs of width {width}, but was given {list(x.shape)}")
