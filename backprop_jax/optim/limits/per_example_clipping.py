"""Clip the gradients of single examples, and add them up: what differential privacy is built on."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from backprop_jax.optim.applying import global_norm
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree, widen


def per_example_global_norm_clip(grads: PyTree, l2_norm_clip: Scalar) -> tuple[PyTree, jax.Array]:
    """Shorten each example's gradient to a length of at most l2_norm_clip, and add them up.

        Σ_i g_i min(1, l2_norm_clip / |g_i|),   |g_i| the norm over all leaves

    Shapes: every leaf of `grads` (B, ...), examples first -> that sum without the first axis, and how many examples
            were clipped, int32.
    Raises: ValueError if the leaves do not all begin with the same axis.
    Source: Abadi et al., 2016, arXiv:1607.00133, algorithm 1.
    """
    _check_examples("per_example_global_norm_clip", grads)
    norms = jax.vmap(global_norm)(grads)
    is_clipped = norms > l2_norm_clip
    factors = jnp.where(is_clipped, l2_norm_clip / norms, 1.0)

    def total(gradient: jax.Array) -> jax.Array:
        # At the highest precision: accelerators would round the gradients, by which a bound may be passed.
        wide = jnp.tensordot(factors, widen(gradient), axes=1, precision="highest")
        return wide.astype(gradient.dtype) if jnp.issubdtype(gradient.dtype, jnp.inexact) else wide

    return jax.tree.map(total, grads), jnp.sum(is_clipped, dtype=jnp.int32)


def per_example_layer_norm_clip(
    grads: PyTree, global_l2_norm_clip: Scalar, uniform: bool = True
) -> tuple[PyTree, PyTree]:
    """As `per_example_global_norm_clip`, but each leaf by itself, so that all together keep to global_l2_norm_clip.

        A leaf of D_k of the D parameters, one of K leaves, is clipped to global_l2_norm_clip / sqrt(K),
        or without uniform to global_l2_norm_clip sqrt(D_k / D).

    Returns: the sums, and for each leaf how many examples were clipped.
    Raises:  ValueError if the leaves do not all begin with the same axis.
    Source:  McMahan et al., 2018, arXiv:1710.06963.
    """
    _check_examples("per_example_layer_norm_clip", grads)
    leaves, structure = jax.tree.flatten(grads)
    sizes = [1 if uniform else math.prod(leaf.shape[1:]) for leaf in leaves]
    clipped = [
        per_example_global_norm_clip(leaf, global_l2_norm_clip * math.sqrt(size / sum(sizes)))
        for leaf, size in zip(leaves, sizes, strict=True)
    ]
    sums, counts = zip(*clipped, strict=True)
    return structure.unflatten(sums), structure.unflatten(counts)


def _check_examples(function: str, grads: PyTree) -> None:
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(grads)]
    if not shapes or len({shape[:1] for shape in shapes}) > 1 or () in shapes:
        raise ValueError(
            f"{function}: every leaf must begin with an axis of examples of the same length, got shapes {shapes}; "
            "make such gradients by jax.vmap of jax.grad"
        )
