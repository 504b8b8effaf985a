"""Layers that move elements and change none."""

import math
from dataclasses import dataclass

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static

__all__ = ["Flatten", "Reshape", "Transpose"]


@dataclass(frozen=True)
class Flatten(Layer):
    """All axes but the first in one.

    Shapes:   x (B, ...) -> y (B, D), D the product of the others.   Params, state: none.   Saves: no array.
    Backward: dx = dy in the shape of x.
    Raises:   ValueError if x has no axes.
    """

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        if not x.shape:
            raise ValueError("Flatten needs an input with a batch axis, not a scalar")
        # Not -1: an empty batch would leave it undetermined.
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), state, Static(x.shape)

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return (), dy.reshape(residuals.value)


@dataclass(frozen=True)
class Reshape(Layer):
    """The axes after the first in another shape.

    Shapes:   x (B, ...) -> y (B, *shape).   Params, state: none.   Saves: no array.
    Backward: dx = dy in the shape of x.
    Raises:   ValueError if the shapes differ in size.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))  # a list would make the layer unhashable

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        if math.prod(x.shape[1:]) != math.prod(self.shape) or not x.shape:
            raise ValueError(
                f"{self} cannot take an input of shape {list(x.shape)}: after the batch axis it has another size"
            )
        return x.reshape(x.shape[0], *self.shape), state, Static(x.shape)

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return (), dy.reshape(residuals.value)


@dataclass(frozen=True)
class Transpose(Layer):
    """The axes in another order.

    Shapes:   y.shape[i] = x.shape[axes[i]].   Params, state: none.   Saves: no array.
    Backward: dx = dy in the inverse order.
    Raises:   ValueError if axes is not a permutation of the axes of x.
    """

    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))  # a list would make the layer unhashable
        if sorted(self.axes) != list(range(len(self.axes))):
            raise ValueError(f"Transpose needs each axis from 0 on once, not {self.axes}")

    @property
    def mixes_examples(self) -> bool:
        return self.axes[:1] != (0,)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, PyTree]:
        if x.ndim != len(self.axes):
            raise ValueError(f"{self} needs an input of {len(self.axes)} axes, not of shape {list(x.shape)}")
        return x.transpose(self.axes), state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        inverse = sorted(range(len(self.axes)), key=self.axes.__getitem__)
        return (), dy.transpose(inverse)
