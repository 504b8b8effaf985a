"""What an optimizer makes of a gradient that is not finite: most are spoiled by it, some leave it out."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.optim import apply_updates
from backprop_jax.optim.combining import update_with_extra

__all__ = ["is_finite", "is_kept", "may_forgive"]


def may_forgive(optimizer: Any, params: PyTree) -> bool:
    """Whether a parameter could stay finite where its gradient is not; False only if surely none does.

    It is tried on a model whose axes are all of length 1, with a loss of NaN, which some optimizers go by. Where that
    cannot be tried, as with curvature to be given, it might.
    """
    small = jax.tree.map(lambda leaf: jnp.ones([min(size, 1) for size in leaf.shape], leaf.dtype), params)
    unknown = jnp.asarray(math.nan, jnp.float32)
    try:
        state = optimizer.init(small)
        for sick in (math.nan, math.inf):
            gradient = jax.tree.map(lambda leaf, sick=sick: jnp.full_like(leaf, sick), small)
            extra = {"value": unknown, "grad": gradient, "value_fn": lambda at: unknown}
            updates, _ = update_with_extra(optimizer, gradient, state, small, extra)
            if any(is_finite(leaf) for leaf in jax.tree.leaves(apply_updates(small, updates)) if leaf.size):
                return True
    except (TypeError, ValueError, KeyError):
        return True
    return False


def is_kept(before: PyTree, after: PyTree) -> bool:
    """Whether an optimizer's state has numbers that are not finite, to use them later, and had not before.

    A single number may be what it measured, as the norm that `skip_large_updates` reports.
    """
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    kept = [pair for pair in pairs if pair[1].ndim and jnp.issubdtype(pair[1].dtype, jnp.inexact)]
    return any(is_finite(old) and not is_finite(new) for old, new in kept)


def is_finite(tree: PyTree) -> bool:
    """Whether no number of the tree, looked at on the host, is infinite or NaN."""
    return all(np.isfinite(leaf).all() for leaf in map(np.asarray, jax.tree.leaves(tree)))
