"""Mixed precision: compute in one dtype, keep the parameters in another."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_layer
from backprop_jax.core.cotangents import cast_like
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Template

__all__ = ["Cast", "cast"]


def cast(layer: Layer, dtype: jax.typing.DTypeLike) -> "Cast":
    """The layer computed in `dtype`; its parameters stay as they are outside."""
    return Cast(layer, jnp.dtype(dtype))


class CastResiduals(NamedTuple):
    layer: PyTree
    x: Template


@dataclass(frozen=True)
class Cast(Layer):
    """A layer whose floating point input and parameters are converted first.

        y = f(cast(params), cast(x))

    Params, state: those of f, unconverted.   Saves: what f saves, which is in the new dtype.
    Backward: f'ᵀ dy, converted back: each cotangent in the dtype of what it is the cotangent of.
    Raises:   ValueError if dtype is not a floating point dtype.
    Source:   Micikevicius et al., 2018, arXiv:1710.03740.
    """

    is_wiring = True
    layer: Layer
    dtype: jnp.dtype

    def __post_init__(self) -> None:
        require_layer("cast", self.layer)
        if not jnp.issubdtype(self.dtype, jnp.floating):
            raise ValueError(f"cast needs a floating point dtype, such as jnp.bfloat16, not {self.dtype}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, CastResiduals]:
        y, state, residuals = self.layer.forward(self._convert(params), state, self._convert(x))
        return y, state, CastResiduals(residuals, Template.of(x))

    def backward(self, params: PyTree, residuals: CastResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dx = self.layer.backward(self._convert(params), residuals.layer, dy)
        return cast_like(dparams, params), cast_like(dx, residuals.x.tree)

    def _convert(self, tree: PyTree) -> PyTree:
        def convert(leaf):
            return leaf.astype(self.dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

        return jax.tree.map(convert, tree)
