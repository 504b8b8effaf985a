"""A network that settles, and learns from how it settles elsewhere when its output is nudged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float, require_layer
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.initializers import Initializer, lecun_normal
from backprop_jax.layers import Sigmoid

__all__ = ["EquilibriumPropagation"]


class SettledResiduals(NamedTuple):
    x: jax.Array
    units: list[jax.Array]  # (B, F_i)


@dataclass(frozen=True)
class EquilibriumPropagation(Layer):
    """Layers of units joined both ways by the same weights; the output is where the last of them comes to rest.

        E(s) = Σ_i Σ_units ∫ ρ⁻¹(s_i) - b_i · s_i - s_{i-1} w_i s_iᵀ,   s_0 = x
        s_i ← s_i + rate (ρ(s_{i-1} w_i + s_{i+1} w_{i+1}ᵀ + b_i) - s_i),   `steps` times from s = 0;   y = s_n

    which comes to rest where ∂E/∂s = 0. Backward it settles again, pushed by -nudge dy within the ρ of the output, so
    where ∂E/∂s = -nudge dy; the difference of the two phases is the gradient for a small nudge and enough steps. dy is
    that of the first phase throughout, so any loss may follow, or any layer. For ρ = clip(s, 0, 1) the integral is
    ½ |s|², and E the paper's. A steep ρ, such as Tanh, settles slowly or in several places, and then this is no
    gradient: the slope of Sigmoid is ¼ at most.

    Shapes:   x (B, D) float -> y (B, F_n), features = F_1 ... F_n.
    Params:   for each layer w (F_{i-1}, F_i), b (F_i,).   State: none.   Saves: x and s.
    Backward: dparams = (∂E/∂params at s nudged - at s) / nudge, and dx likewise, summed over the examples: two local
              products of what the two ends of a weight do.
    Units:    nudge times dy of an example, which is B times that of a mean over the batch, is in those of s.
    Raises:   ValueError if there are no features, steps is less than 1, rate or nudge not above 0 and finite, x has
              other axes.
    Source:   Scellier & Bengio, 2017, arXiv:1602.05179, with their cost made linear at y; the energy for any ρ is that
              of Hopfield, 1984, doi:10.1073/pnas.81.10.3088.
    """

    features: Sequence[int]
    steps: int = 30
    rate: float = 0.5
    nudge: float = 0.5
    activation: Layer = Sigmoid()
    kernel_init: Initializer = lecun_normal()

    def __post_init__(self) -> None:
        require_layer("EquilibriumPropagation", self.activation)
        object.__setattr__(self, "features", tuple(self.features))  # a list would make the layer unhashable
        if not self.features or any(whole_number(width, least=1) is None for width in self.features):
            raise ValueError(f"EquilibriumPropagation needs features such as (64, 32), not {self.features!r}")
        settings = self.rate, self.nudge
        if whole_number(self.steps, least=1) is None or not all(0 < number < math.inf for number in settings):
            raise ValueError(
                "EquilibriumPropagation needs a whole number of steps, 1 or more, and a rate and a nudge above 0 and "
                f"finite, not {self.steps!r}, {self.rate!r} and {self.nudge!r}"
            )

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        self._require(x)
        widths, dtype = (x.shape[1], *self.features), jnp.promote_types(x.dtype, jnp.float32)
        keys = jax.random.split(key, len(self.features))
        shapes = zip(keys, widths[:-1], widths[1:], strict=True)
        return tuple(
            {"w": self.kernel_init(own, (below, width), dtype), "b": jnp.zeros(width, dtype)}
            for own, below, width in shapes
        ), ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, SettledResiduals]:
        self._require(x)
        dtype = jnp.result_type(x, params[0]["w"])
        units = self._settled(params, x, [jnp.zeros((len(x), width), dtype) for width in self.features], None)
        return units[-1], state, SettledResiduals(x, units)

    def backward(self, params: PyTree, residuals: SettledResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, units = residuals
        strength = self.nudge * len(x)
        nudged = self._settled(params, x, units, strength * dy)
        free, moved = [x, *units], [x, *nudged]
        dparams = [
            {
                "w": ((free[i].T @ free[i + 1] - moved[i].T @ moved[i + 1]) / strength).astype(own["w"].dtype),
                "b": (jnp.sum(free[i + 1] - moved[i + 1], 0) / strength).astype(own["b"].dtype),
            }
            for i, own in enumerate(params)
        ]
        dx = (free[1] - moved[1]) @ params[0]["w"].T / strength
        return tuple(dparams), dx.astype(x.dtype)

    def _settled(self, params: PyTree, x: jax.Array, units: list[jax.Array], push: jax.Array | None) -> list[jax.Array]:
        def step(_: int, units: list[jax.Array]) -> list[jax.Array]:
            new = []
            for i, (own, unit) in enumerate(zip(params, units, strict=True)):
                drive = (units[i - 1] if i else x) @ own["w"] + own["b"]
                if i + 1 < len(units):
                    drive = drive + units[i + 1] @ params[i + 1]["w"].T
                elif push is not None:
                    drive = drive - push
                aim, _, _ = self.activation.forward((), (), drive)
                new.append((unit + self.rate * (aim - unit)).astype(unit.dtype))
            return new

        return lax.fori_loop(0, self.steps, step, units)

    def _require(self, x: jax.Array) -> None:
        require_float(self, x)
        if len(x.shape) != 2:
            raise ValueError(f"{self} needs an input (B, D), not of shape {list(x.shape)}: put Flatten() before it")
