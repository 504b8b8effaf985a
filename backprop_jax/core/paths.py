"""The names of a pytree's leaves."""

from collections.abc import Callable
from typing import Any

import jax

from backprop_jax.core.layer import PyTree

__all__ = ["by_path", "path_name"]


def path_name(path: tuple[Any, ...]) -> str:
    """The keys of a path joined by "/", as the paths of layers are: `"body/0/w"`."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def by_path(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> dict[str, Any]:
    """The leaves under their names, in the order of the tree.

    Raises:   ValueError if two have the same name, as those of `{"a/b": x, "a": {"b": y}}`.
    """
    found: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree, is_leaf=is_leaf):
        name = path_name(path)
        if name in found:
            raise ValueError(f"two leaves have the path {name}: name one of them without a slash")
        found[name] = leaf
    return found
