"""How large each layer's gradient is: the first thing to look at when training stalls or diverges."""

from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.paths import path_name
from backprop_jax.core.rewrite import rewrite_with_path

__all__ = ["gradient_norms", "in_model_order"]


def gradient_norms(gradient: PyTree) -> dict[str, jax.Array]:
    """The Euclidean norm of each layer's gradient, all its parameters together, by path: `{"1": ..., "4": ...}`.

    Shapes:   scalars, float32 at least.   Give it to `make_step(..., watch=gradient_norms)`.
    """
    squares: dict[str, jax.Array] = {}
    for path, leaf in jax.tree.leaves_with_path(gradient):
        leaf = leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32))
        layer = _layer_path(path)
        squares[layer] = squares.get(layer, 0) + jnp.sum(jnp.abs(leaf) ** 2)
    return {layer: jnp.sqrt(square) for layer, square in squares.items()}


def in_model_order(norms: dict[str, Any], model: Layer) -> dict[str, Any]:
    """The norms in the order of the model's layers: jit returns dicts sorted by text, "10" before "2"."""
    paths: list[str] = []

    def visit(path: str, layer: Layer) -> Layer:
        paths.append(path)
        return layer

    rewrite_with_path(model, visit)
    return {path: norms[path] for path in dict.fromkeys([*paths, *norms]) if path in norms}


def _layer_path(path: tuple) -> str:
    return path_name(path[:-1])
