"""Errors that name the layer, the value and the fix, raised while tracing and so before any computation."""

from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree

__all__ = ["require_components", "require_float", "require_layer"]


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


def require_layer(combinator: str, layer: Any) -> None:
    """TypeError unless `layer` is one."""
    if not isinstance(layer, Layer):
        raise TypeError(f"{combinator} takes layers, not {layer!r}; from_function makes a layer of a function")


def require_components(layer: Layer, x: PyTree, count: int | None = None, names: tuple[str, ...] | None = None) -> None:
    """ValueError unless `x` is a tuple or list of `count` components, or a dict of these `names`.

    An array would be taken apart along its first axis without a word.
    """
    found = f"{type(x).__name__}{list(x.shape)}" if hasattr(x, "shape") else f"{type(x).__name__} of {len(x)}"
    if names is not None:
        if not isinstance(x, dict) or set(x) != set(names):
            keys = f" {list(x)}" if isinstance(x, dict) else ""
            raise ValueError(f"{layer} needs a dict of the inputs {', '.join(names)}, not a {found}{keys}")
    elif not isinstance(x, tuple | list) or count not in (None, len(x)):
        wanted = "a tuple" if count is None else f"a tuple of {count} inputs"
        raise ValueError(f"{layer} needs {wanted}, not a {found}")
