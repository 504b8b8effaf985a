"""Trees of masks and labels, which say something of every leaf of the parameters or of whole subtrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from backprop_jax.optim.leafwise import PyTree, is_none


def fit_prefix(prefix: PyTree | Callable[[PyTree], PyTree], updates: PyTree, what: str) -> PyTree:
    """A tree with a leaf for every leaf of the updates or for whole subtrees: what `prefix` is or, a function, returns.

    Where an update is None, `prefix` may have any tree; there is None then. Raises ValueError if it does not fit.
    """
    prefix = prefix(updates) if is_function(prefix) else prefix
    leaves, structure = jax.tree.flatten(updates, is_leaf=is_none)
    try:
        there = structure.flatten_up_to(prefix)
    except ValueError:
        pass  # it has a leaf for a subtree, or does not fit
    else:
        is_subtree = [leaf is None and not _is_leaf(part) for leaf, part in zip(leaves, there, strict=True)]
        prefix = structure.unflatten([None if drop else part for drop, part in zip(is_subtree, there, strict=True)])
    try:
        jax.tree.structure(prefix).flatten_up_to(updates)
    except ValueError as error:
        raise ValueError(
            f"{what} {prefix!r} does not fit; give one for every leaf or for whole subtrees: {error}"
        ) from None
    return prefix


def for_each_leaf(prefix: PyTree, updates: PyTree) -> list[Any]:
    """What a tree that `fit_prefix` made says of every leaf of the updates, None leaves included."""
    spread = lambda value, part: [value] * len(jax.tree.leaves(part, is_leaf=is_none))
    return jax.tree.leaves(jax.tree.map(spread, prefix, updates, is_leaf=is_none), is_leaf=is_none)


def is_function(tree: Any) -> bool:
    """Whether `tree` is a function that makes a tree: a module may be callable and yet be a tree itself."""
    return callable(tree) and all(map(callable, jax.tree.leaves(tree)))


def is_placeholder(params: PyTree) -> bool:
    """Whether this is the leafless node that `optax.tree.map_params` hands to init, to see where parameters go."""
    return type(params).__name__ == "_ParamsPlaceholder"


def _is_leaf(node: Any) -> bool:
    return jax.tree_util.all_leaves([node])
