"""Moving all parameters of a model at once."""

from collections.abc import Callable

import jax

from backprop_jax.core.cotangents import is_differentiable
from backprop_jax.core.layer import PyTree

__all__ = ["movable"]

Leaves = list[jax.Array]


def movable(params: PyTree) -> tuple[Leaves, Callable[[Leaves], PyTree], Callable[[Leaves], PyTree]]:
    """The parameters that have a gradient, a function that makes of such the whole, and one with None for the rest."""
    leaves, structure = jax.tree.flatten(params)

    def whole(moved: Leaves) -> PyTree:
        rest = iter(moved)
        return structure.unflatten(next(rest) if is_differentiable(leaf) else leaf for leaf in leaves)

    def gradient(parts: Leaves) -> PyTree:
        rest = iter(parts)
        return structure.unflatten(next(rest) if is_differentiable(leaf) else None for leaf in leaves)

    return [leaf for leaf in leaves if is_differentiable(leaf)], whole, gradient
