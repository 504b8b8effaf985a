"""Steps that have no useful derivative, and the one that is used in its place."""

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["Binary", "Spike", "Step", "StraightThrough", "Ternary"]


class Step(Protocol):
    """A function of each element, and what stands for its derivative."""

    def __call__(self, x: jax.Array) -> jax.Array: ...

    def surrogate(self, x: jax.Array) -> jax.Array: ...


@dataclass(frozen=True)
class StraightThrough(Layer):
    """A step on the way forward, its surrogate on the way back.

        y = step(x)

    Of an array, or by `reparameterize(layer, fn)` of weights: `as_jax_function(StraightThrough(Binary()))`.

    Shapes:   x (...) float -> y (...).   Params, state: none.   Saves: x.   Backward: dx = dy surrogate(x)
    Raises:   ValueError if x is not floating point.
    Source:   Bengio, Léonard & Courville, 2013, arXiv:1308.3432.
    """

    step: Step

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x, rank=0)
        return self.step(x).astype(x.dtype), state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x = residuals
        return (), (dy * self.step.surrogate(x)).astype(x.dtype)


@dataclass(frozen=True)
class Binary:
    """1 where x >= 0, else -1. The surrogate is 1 where |x| <= 1: Hubara et al., 2016, arXiv:1602.02830, eq. 4."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.where(x >= 0, 1.0, -1.0)

    def surrogate(self, x: jax.Array) -> jax.Array:
        return (jnp.abs(x) <= 1).astype(x.dtype)


@dataclass(frozen=True)
class Ternary:
    """The sign of x, 0 where |x| <= threshold. The surrogate is that of `Binary`: Li et al., 2016, arXiv:1605.04711."""

    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not self.threshold >= 0:
            raise ValueError(f"Ternary needs a threshold of 0 or more, not {self.threshold!r}")

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.where(jnp.abs(x) > self.threshold, jnp.sign(x), 0.0)

    def surrogate(self, x: jax.Array) -> jax.Array:
        return (jnp.abs(x) <= 1).astype(x.dtype)


@dataclass(frozen=True)
class Spike:
    """1 where x >= threshold, else 0: a neuron fires. The surrogate is 1 / (1 + slope |x - threshold|)².

    Source:   Zenke & Ganguli, 2018, arXiv:1705.11146, eq. 5 (the derivative of a fast sigmoid).
    """

    threshold: float = 1.0
    slope: float = 10.0

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"Spike needs a slope above 0, not {self.slope!r}")

    def __call__(self, x: jax.Array) -> jax.Array:
        return (x >= self.threshold).astype(x.dtype)

    def surrogate(self, x: jax.Array) -> jax.Array:
        return 1 / (1 + self.slope * jnp.abs(x - self.threshold)) ** 2
