"""Ready-made masks: which leaves decay, or which a transform acts on, by their shape or by their path.

    adamw(1e-3, mask=matrices_only)
    adamw(1e-3, mask=not_matching("*/b|*/scale"))

They are functions from the parameters to a tree of bools, and values: they print, compare and hash. optax takes them
too. `describe` shows what a mask does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backprop_jax.optim.inspection.tree_paths import map_paths, matches
from backprop_jax.optim.leafwise import PyTree


@dataclass(frozen=True, repr=False)
class _MatricesOnly:
    """True for leaves of two or more dimensions: for weights and tables, not for biases, scales and shifts."""

    def __repr__(self) -> str:
        return "matrices_only"

    def __call__(self, params: PyTree) -> PyTree:
        return map_paths(lambda _, leaf: len(np.shape(leaf)) >= 2, params)


matrices_only = _MatricesOnly()


@dataclass(frozen=True)
class matching:
    """True for leaves whose path matches the pattern, such as "*/w" or "encoder/*|*/table".

    Paths are the keys of the tree joined by "/". * stands for any characters, "/" included; "*/w" is a w at the top
    too; "|" parts alternatives. A pattern may match nothing.
    """

    pattern: str

    def __call__(self, params: PyTree) -> PyTree:
        return map_paths(lambda path, _: matches(path, self.pattern), params)


@dataclass(frozen=True)
class not_matching:
    """True for leaves whose path does not match the pattern: the opposite of `matching`."""

    pattern: str

    def __call__(self, params: PyTree) -> PyTree:
        return map_paths(lambda path, _: not matches(path, self.pattern), params)
