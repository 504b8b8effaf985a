"""Gradients that are turned around."""

import math
from dataclasses import dataclass

import jax

from backprop_jax.core.layer import Layer, PyTree

__all__ = ["ReverseGradient"]


@dataclass(frozen=True)
class ReverseGradient(Layer):
    """The identity, whose gradient is turned around: what comes before learns to make what comes after fail.

        y = x

    Shapes:   any.   Params, state: none.   Saves: nothing.
    Backward: dx = -scale dy, which is no derivative of y.
    Raises:   ValueError if scale is below 0 or infinite.
    Source:   Ganin & Lempitsky, 2015, arXiv:1409.7495.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.scale < math.inf:
            raise ValueError(f"ReverseGradient needs a finite scale of 0 or more, not {self.scale!r}")

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return x, state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return (), jax.tree.map(lambda leaf: (-self.scale * leaf).astype(leaf.dtype), dy)
