"""A row of the catalogue, and the arrays that rows are made of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

import backprop_jax as bp


class Row(NamedTuple):
    name: str  # the public name that the row is for
    layer: bp.Layer
    x: Any
    options: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        shapes = ",".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(self.x))
        return f"{self.layer}-{shapes}".replace(" ", "")


def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(sum(shape)).standard_normal(shape)).astype(np.float32)


def ids(*shape: int, below: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, below, shape, np.int32)


TIED = np.array([[-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0], [0.0, -0.0, 0.0, 1.0, -1.0, 2.0, -2.0]], np.float32)
KINKED = {"smooth": False}  # x lies on a corner of the function, where central differences tell the mean of two slopes
