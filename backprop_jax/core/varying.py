"""Along which mesh axes of a `shard_map` an array varies. Outside of one there are none."""

import jax
from jax import lax

from backprop_jax.core.layer import PyTree

__all__ = ["vary", "vary_like", "varying_axes"]


def vary_like(tree: PyTree, like: PyTree) -> PyTree:
    """The tree, in the eyes of a `shard_map` varying over the mesh axes along which any leaf of `like` does.

    What a loop begins with must vary as its results will. Outside `shard_map` this is the identity.
    """
    axes = frozenset().union(*map(varying_axes, jax.tree.leaves(like)))
    return jax.tree.map(lambda leaf: vary(leaf, axes - varying_axes(leaf)), tree)


def vary(array: jax.Array, axes: frozenset) -> jax.Array:
    """The array, varying along these axes too, along which it did not."""
    return lax.pcast(array, tuple(sorted(axes)), to="varying") if axes else array


def varying_axes(leaf) -> frozenset:
    """Their names."""
    manual = getattr(getattr(leaf, "aval", leaf), "manual_axis_type", None)
    return frozenset(getattr(manual, "varying", ()))
