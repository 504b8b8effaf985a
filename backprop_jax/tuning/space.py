"""Which hyper-parameters to try."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backprop_jax.core.whole_number import whole_number

__all__ = ["Axis", "LogUniform", "OneOf", "Trial", "Uniform", "draw", "grid", "require_axes"]

Trial = dict[str, float]  # a value for each hyper-parameter


@dataclass(frozen=True)
class Uniform:
    """From low to high, each stretch as likely as any other of its length."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"Uniform needs finite low < high, not {self.low!r} and {self.high!r}")

    def at(self, share: float) -> float:
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class LogUniform:
    """From low to high, each factor as likely as any other of its size: for rates, decays and temperatures."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise ValueError(f"LogUniform needs finite 0 < low < high, not {self.low!r} and {self.high!r}")

    def at(self, share: float) -> float:
        return self.low * (self.high / self.low) ** share


@dataclass(frozen=True)
class OneOf:
    """One of some values, all as likely."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            raise ValueError("OneOf needs a value")

    def at(self, share: float) -> float:
        return self.values[int(share * len(self.values))]


Axis = Uniform | LogUniform | OneOf  # the values of one hyper-parameter; at(share) is that with this share before it


def grid(**values: Sequence[float]) -> list[Trial]:
    """All combinations of the values, the last name changing fastest.

    Raises:   ValueError if there is no name, or one has no values.
    """
    if not values or not all(isinstance(axis, Iterable) and len(axis) for axis in values.values()):
        raise ValueError(f"a grid needs some values of each hyper-parameter, and one of these, not {values!r}")
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def draw(space: Mapping[str, Axis], count: int, seed: int = 0) -> list[Trial]:
    """`count` trials at random, each value drawn by itself.

    Better than a grid where few of the hyper-parameters matter: no two trials have the same value of one that does.

    Raises:   ValueError if there is nothing to draw or count is less than 1; TypeError for an axis of another kind.
    Source:   Bergstra & Bengio, 2012, JMLR 13.
    """
    if not space or whole_number(count, least=1) is None:
        raise ValueError(f"draw needs an axis and a count of 1 or more, not {dict(space)!r} and {count!r}")
    require_axes(space)
    shares = np.random.default_rng(seed).random((count, len(space)))
    return [
        {name: axis.at(float(share)) for (name, axis), share in zip(space.items(), row, strict=True)} for row in shares
    ]


def require_axes(space: Mapping[str, Axis]) -> None:
    """TypeError unless each is an axis."""
    for name, axis in space.items():
        if not isinstance(axis, OneOf | Uniform | LogUniform):
            raise TypeError(f"the axis {name!r} must be OneOf, Uniform or LogUniform, not {axis!r}")
