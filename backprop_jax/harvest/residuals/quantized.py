"""Residuals kept in eight bits a number."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static

__all__ = ["Quantized", "quantized"]

# The shortest row that is quantized: the scale of a shorter one would outweigh what is saved.
LEAST = 16


def quantized(layer: Layer) -> "Quantized":
    """The layer, whose floating point residuals are kept as int8 with a scale for each row."""
    return Quantized(layer)


class Row(NamedTuple):
    values: jax.Array  # (..., D) int8
    scale: jax.Array  # (..., 1) float32
    dtype: Static


@dataclass(frozen=True)
class Quantized(Layer):
    """A layer that remembers its residuals r as round(127 r / max|r|), row by row of the last axis.

        y = f(x)

    Params, state: those of f.
    Saves:    what f saves, arrays of rows of 16 numbers or more as int8 and a float32 a row; the rest as it is.
    Backward: that of f from r̂,   |r̂ - r| <= error_bound max|r| of its row, but for the rounding of r̂ to half
              precision where r has it. The derivative is off accordingly.
    Source:   Chen et al., 2021, arXiv:2104.14129 (activation compressed training), with deterministic rounding.
    """

    layer: Layer

    is_wiring = True
    error_bound = 1 / 254  # half a step of 1 / 127

    def __post_init__(self) -> None:
        require_layer("quantized", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, state, residuals = self.layer.forward(params, state, x)
        return y, state, jax.tree.map(_compress, residuals)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.backward(params, jax.tree.map(_restore, residuals, is_leaf=_is_row), dy)


def _compress(leaf: jax.Array) -> Any:
    if not jnp.issubdtype(leaf.dtype, jnp.floating) or leaf.ndim < 2 or leaf.shape[-1] < LEAST:
        return leaf
    precise = leaf.astype(jnp.float32)
    scale = jnp.max(jnp.abs(precise), -1, keepdims=True) / 127
    values = jnp.round(precise / jnp.where(scale == 0, 1, scale)).astype(jnp.int8)
    return Row(values, scale, Static(leaf.dtype))


def _restore(leaf: Any) -> jax.Array:
    return (leaf.values * leaf.scale).astype(leaf.dtype.value) if _is_row(leaf) else leaf


def _is_row(leaf: Any) -> bool:
    return isinstance(leaf, Row)
