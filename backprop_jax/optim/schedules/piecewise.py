"""Schedules given by boundaries, and factors that multiply the value there, in jumps or smoothly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from backprop_jax.optim.hyperparameters import Scalar, concrete, hash_of


@dataclass(frozen=True)
class piecewise_constant_schedule:
    """Stay at a value, and jump at boundaries.

        value(t) = init_value Π scale   over the entries boundary: scale with boundary <= t

    Raises: ValueError for a negative boundary or scale.
    """

    init_value: Scalar
    boundaries_and_scales: dict[int, Scalar] | None = None

    def __post_init__(self) -> None:
        _sort_and_check(self)

    def __hash__(self) -> int:
        return hash_of(self.init_value, self.boundaries_and_scales)

    def __call__(self, count: Scalar) -> Scalar:
        value = self.init_value
        for boundary, scale in (self.boundaries_and_scales or {}).items():
            value = jnp.where(count < boundary, value, value * scale)
        return value


@dataclass(frozen=True)
class piecewise_interpolate_schedule:
    """Go from boundary to boundary, in lines or along half cosines, and stay at the last value.

        value(b_k) = init_value Π_{i <= k} scale_i,   b_0 = 0
        value(t)   = value(b_k) + (value(b_{k+1}) - value(b_k)) x   for b_k <= t < b_{k+1}
        x          = (t - b_k) / (b_{k+1} - b_k), or with "cosine" (1 - cos(pi x)) / 2 of that

    A scale multiplies the value that was reached before it, not init_value.

    Raises: ValueError if interpolate_type is neither "linear" nor "cosine", or for a negative boundary or scale.
    """

    interpolate_type: str
    init_value: Scalar
    boundaries_and_scales: dict[int, Scalar] | None = None

    def __post_init__(self) -> None:
        if self.interpolate_type not in _SHAPES:
            raise ValueError(
                f"piecewise_interpolate_schedule: interpolate_type must be 'linear' or 'cosine', "
                f"got {self.interpolate_type!r}; for jumps there is piecewise_constant_schedule"
            )
        _sort_and_check(self)

    def __hash__(self) -> int:
        return hash_of(self.interpolate_type, self.init_value, self.boundaries_and_scales)

    def __call__(self, count: Scalar) -> Scalar:
        shape = _SHAPES[self.interpolate_type]
        value = reached = self.init_value
        start = 0
        for boundary, scale in (self.boundaries_and_scales or {}).items():
            length = 1.0 * (boundary - start) or 1.0  # of no steps none is ever on the way
            gone = shape((count - start) / length)
            value = jnp.where(count < start, value, reached * (1 - gone) + reached * scale * gone)
            reached, start = reached * scale, boundary
        return jnp.where(count < start, value, reached)


_SHAPES: dict[Any, Any] = {"linear": lambda x: x, "cosine": lambda x: (1 - jnp.cos(jnp.pi * x)) / 2}


def _sort_and_check(schedule: Any) -> None:
    """Keep a copy of the dict, in the order of its boundaries. Raise ValueError for a negative boundary or scale."""
    if schedule.boundaries_and_scales is None:
        return
    entries = dict(sorted(schedule.boundaries_and_scales.items()))
    for boundary, scale in entries.items():
        known = concrete(scale)
        if not boundary >= 0 or not (known is None or np.all(known >= 0)):
            raise ValueError(
                f"{type(schedule).__name__}: a boundary and its scale must not be negative, got "
                f"{{{boundary!r}: {scale!r}}}; the value is multiplied by the scale at that step"
            )
    object.__setattr__(schedule, "boundaries_and_scales", entries)
