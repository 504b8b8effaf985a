"""Name the leaves of a tree by their paths, such as "encoder/0/w", and match patterns against them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import jax

from backprop_jax.optim.leafwise import PyTree


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern: alternatives joined by "|", each as in `fnmatch`, where * crosses "/" too.

    "*/b" is any b, at the top of the tree as well.
    """
    return any(
        fnmatchcase(path, part) or (part.startswith("*/") and fnmatchcase(path, part[2:]))
        for part in map(str.strip, pattern.split("|"))
    )


def map_paths(function: Callable[[str, Any], Any], tree: PyTree) -> PyTree:
    """The tree with `function(path, leaf)` for every leaf. A variable of flax.nnx is a leaf, as its array will be."""
    return jax.tree_util.tree_map_with_path(lambda keys, leaf: function(_join(keys), leaf), tree, is_leaf=_is_variable)


def leaf_paths(tree: PyTree) -> list[str]:
    """The path of every leaf."""
    return [_join(keys) for keys, _ in jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_variable)]


def _join(keys: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(keys, simple=True, separator="/")


def _is_variable(node: Any) -> bool:
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(node, nnx.Variable)
