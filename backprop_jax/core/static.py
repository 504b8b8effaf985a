"""What is known when a function is traced, carried among what is known only when it runs.

Both classes are pytrees without leaves: the place in `residuals` for a shape, a dtype or a structure. They pass through
jit, scan and vmap, and cost no memory at run time.
"""

from dataclasses import dataclass
from typing import Any

import jax

__all__ = ["Static", "Template"]


@jax.tree_util.register_static
@dataclass(frozen=True)
class Static:
    """A constant; it must be hashable."""

    value: Any


@jax.tree_util.register_static
@dataclass(frozen=True)
class Template:
    """The structure of a pytree and the types of its leaves (`jax.typeof`: shape, dtype, mesh axes)."""

    structure: Any
    types: tuple[Any, ...]

    @classmethod
    def of(cls, tree: Any) -> "Template":
        leaves, structure = jax.tree.flatten(tree)
        return cls(structure, tuple(map(jax.typeof, leaves)))

    @property
    def tree(self) -> Any:
        """The pytree with a type for each leaf."""
        return self.structure.unflatten(self.types)
