"""What recurrent cells do with their weights."""

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer

__all__ = ["blocks", "project", "require_features", "width_of"]


def blocks(
    initializer: Initializer, key: jax.Array, shape: tuple[int, int], count: int, dtype: jax.typing.DTypeLike
) -> jax.Array:
    """The matrices of several gates side by side, each drawn by itself: so each of them is orthogonal."""
    return jnp.concatenate([initializer(part, shape, dtype) for part in jax.random.split(key, count)], axis=1)


def project(layer: Layer, params: PyTree, x: jax.Array) -> jax.Array:
    """x w in at least float32, for one step or all; ValueError unless the width of x is that of w."""
    require_float(layer, x, rank=2)
    w = params["w"]
    if x.shape[-1] != w.shape[0]:
        raise ValueError(f"{layer} was initialized for inputs of width {w.shape[0]}, but was given width {x.shape[-1]}")
    # The gates take its place, and their derivatives, where they are nearly 0 or 1, need the digits.
    return jnp.matmul(x, w, preferred_element_type=jnp.promote_types(jnp.result_type(x, w), jnp.float32))


def require_features(layer: str, name: str, value: int) -> None:
    """ValueError unless a width is a whole number, 1 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{layer} needs {name} of 1 or more, a whole number, not {value!r}")


def width_of(layer: Layer, x: jax.Array) -> tuple[int, jax.typing.DTypeLike]:
    """The width of the x of one step and the dtype of parameters for it; ValueError unless it is (B, D), D > 0."""
    require_float(layer, x)
    if len(x.shape) != 2 or x.shape[1] == 0:
        raise ValueError(f"{layer} needs the x of one step, (B, D) with D of 1 or more, not {list(x.shape)}")
    return x.shape[1], jnp.promote_types(x.dtype, jnp.float32)
