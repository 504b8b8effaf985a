"""Gradients in half precision that neither vanish nor overflow."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_layer
from backprop_jax.core.cotangents import cast_like
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Template
from backprop_jax.core.whole_number import whole_number

__all__ = ["LARGEST_SCALE", "SMALLEST_SCALE", "LossScale", "LossScaled", "loss_scaled"]

SMALLEST_SCALE, LARGEST_SCALE = 1.0, 2.0**24


class LossScale(NamedTuple):
    """The state of a layer whose cotangents are scaled."""

    layer: PyTree
    scale: jax.Array  # () float32
    good_steps: jax.Array  # () int32: steps since the scale last changed


class LossScaledResiduals(NamedTuple):
    layer: PyTree
    scale: jax.Array
    y: Template  # as f gives it


def loss_scaled(layer: Layer, initial_scale: float = 2.0**15, growth_interval: int = 2000) -> "LossScaled":
    """The layer whose cotangents are larger by a scale on their way back, for a model computed in float16:

        objective = supervised(loss_scaled(cast(model, jnp.float16)), loss)

    `train.scaled_value_and_grad` adjusts the scale at each step.
    """
    return LossScaled(layer, float(initial_scale), growth_interval)


@dataclass(frozen=True)
class LossScaled(Layer):
    """A layer that is handed larger cotangents than the others.

        y = f(x), in at least float32

    The numbers of float16 end at 65,504 and at 6e-8: small cotangents would be 0 without the scale, and with too large
    a one some are infinite. bfloat16 has the range of float32, and needs none.

    Params:   those of f.   State: (that of f, the scale, steps since it last changed).   Saves: what f saves, and the
              scale.
    Backward: f'ᵀ (scale dy) / scale. The division is in the dtype of the parameters, which `cast` keeps in float32.
    Units:    scales of powers of two round nothing.
    Raises:   ValueError if initial_scale is not from 1 to 2²⁴ or growth_interval no whole number of 1 or more.
    Source:   Micikevicius et al., 2018, arXiv:1710.03740, section 3.2.
    """

    layer: Layer
    initial_scale: float = 2.0**15
    growth_interval: int = 2000

    def __post_init__(self) -> None:
        require_layer("loss_scaled", self.layer)
        if not SMALLEST_SCALE <= self.initial_scale <= LARGEST_SCALE or math.isnan(self.initial_scale):
            raise ValueError(f"loss_scaled needs an initial_scale from 1 to 2**24, not {self.initial_scale!r}")
        if whole_number(self.growth_interval, least=1) is None:
            raise ValueError(f"loss_scaled needs a growth_interval of 1 step or more, not {self.growth_interval!r}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, LossScale]:
        params, state = self.layer.init(key, x)
        return params, LossScale(state, jnp.float32(self.initial_scale), jnp.zeros((), jnp.int32))

    def forward(self, params: PyTree, state: LossScale, x: PyTree) -> tuple[PyTree, LossScale, LossScaledResiduals]:
        y, own, residuals = self.layer.forward(params, state.layer, x)
        residuals = LossScaledResiduals(residuals, state.scale, Template.of(y))
        return jax.tree.map(_at_least_float32, y), state._replace(layer=own), residuals

    def backward(self, params: PyTree, residuals: LossScaledResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        scale = residuals.scale
        # Before it is converted: what float16 would lose is what the scale is for.
        dy = cast_like(jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), dy), residuals.y.tree)
        cotangents = self.layer.backward(params, residuals.layer, dy)
        return jax.tree.map(lambda leaf: (leaf / scale.astype(leaf.dtype)).astype(leaf.dtype), cotangents)


def _at_least_float32(leaf: jax.Array) -> jax.Array:
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    return leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)) if is_float else leaf
