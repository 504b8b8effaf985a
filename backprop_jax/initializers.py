"""Initializers as values: they print, compare and hash, where `jax.nn.initializers` makes closures.

Each is called as `(key, shape, dtype) -> array`, like those of `jax.nn.initializers`, which do the drawing.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

__all__ = [
    "Initializer",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


@dataclass(frozen=True)
class Initializer(ABC):
    """How the first value of a parameter is drawn."""

    @abstractmethod
    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: jax.typing.DTypeLike = jnp.float32) -> jax.Array:
        """An array of the given shape and dtype."""


@dataclass(frozen=True)
class constant(Initializer):
    """The same value everywhere."""

    value: float

    def __call__(self, key, shape, dtype=jnp.float32):
        return jnp.full(shape, self.value, dtype)


def zeros() -> constant:
    """Zero everywhere."""
    return constant(0.0)


@dataclass(frozen=True)
class normal(Initializer):
    """Independent draws from N(0, stddev²)."""

    stddev: float = 1e-2

    def __call__(self, key, shape, dtype=jnp.float32):
        return jax.nn.initializers.normal(self.stddev)(key, shape, dtype)


@dataclass(frozen=True)
class truncated_normal(Initializer):
    """Draws from N(0, stddev²) conditioned on [lower, upper], both in units of stddev.

    The standard deviation of what is drawn is less than stddev: 0.88 of it for the default bounds.
    """

    stddev: float = 1e-2
    lower: float = -2.0
    upper: float = 2.0

    def __call__(self, key, shape, dtype=jnp.float32):
        return jax.nn.initializers.truncated_normal(self.stddev, lower=self.lower, upper=self.upper)(key, shape, dtype)


@dataclass(frozen=True)
class variance_scaling(Initializer):
    """Draws of mean zero and variance `scale / n`, with n the fan-in, the fan-out or their mean.

    The fans of a shape (..., D, F) are D and F times the product of the leading axes, the taps of a convolution.
    """

    scale: float
    mode: Literal["fan_in", "fan_out", "fan_avg"]
    distribution: Literal["normal", "truncated_normal", "uniform"]

    def __call__(self, key, shape, dtype=jnp.float32):
        return jax.nn.initializers.variance_scaling(self.scale, self.mode, self.distribution)(key, shape, dtype)


def glorot_uniform() -> variance_scaling:
    """Glorot & Bengio, 2010 (Xavier): variance 2 / (fan_in + fan_out), for layers followed by tanh or sigmoid."""
    return variance_scaling(1.0, "fan_avg", "uniform")


def glorot_normal() -> variance_scaling:
    """`glorot_uniform` from a truncated normal."""
    return variance_scaling(1.0, "fan_avg", "truncated_normal")


def he_uniform() -> variance_scaling:
    """He et al., 2015, arXiv:1502.01852: variance 2 / fan_in, for layers followed by ReLU."""
    return variance_scaling(2.0, "fan_in", "uniform")


def he_normal() -> variance_scaling:
    """`he_uniform` from a truncated normal."""
    return variance_scaling(2.0, "fan_in", "truncated_normal")


def lecun_uniform() -> variance_scaling:
    """LeCun et al., 1998: variance 1 / fan_in, which keeps the variance of a linear layer's input."""
    return variance_scaling(1.0, "fan_in", "uniform")


def lecun_normal() -> variance_scaling:
    """`lecun_uniform` from a truncated normal."""
    return variance_scaling(1.0, "fan_in", "truncated_normal")


@dataclass(frozen=True)
class orthogonal(Initializer):
    """`scale` times a matrix with orthonormal rows or columns, whichever are fewer; leading axes count as rows.

    Saxe, McClelland & Ganguli, 2014, arXiv:1312.6120.
    """

    scale: float = 1.0

    def __call__(self, key, shape, dtype=jnp.float32):
        if len(shape) < 2 or math.prod(shape) == 0:
            raise ValueError(f"orthogonal needs a shape of at least 2 axes, none of them 0, not {shape}")
        return jax.nn.initializers.orthogonal(self.scale)(key, shape, dtype)
