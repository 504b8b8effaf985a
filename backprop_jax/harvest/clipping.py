"""Sums of clipped gradients of single examples, without a second backward pass."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import ExampleGradients, is_gradients
from backprop_jax.core.layer import PyTree
from backprop_jax.harvest.norms import square_norms, weighted_sum

__all__ = ["clipped_sum"]


def clipped_sum(gradients: PyTree, clip: float, mask: jax.Array | None = None, per_parameter: bool = False) -> PyTree:
    """Σ_i g_i min(1, clip / |g_i|) of `ExampleGradients`, over the examples where mask (B,) is True.

    The norm is that over all parameters. With `per_parameter` each of the n (each layer's own, where a `scan`
    stacks them) is clipped by itself to clip / √n, so that all together keep to `clip` again.

    One contraction a parameter: what the norms were told from is there, and is summed with the weights min(...). The
    norms are exact to the rounding of float32, which counts where a gradient is much shorter than its terms.
    Source:   Abadi et al., 2016, arXiv:1607.00133; Bu et al., 2022, arXiv:2210.00038 (book-keeping).
    """
    if not 0 < clip < math.inf:
        raise ValueError(f"clip is the largest norm of an example's gradient, a finite number above 0, not {clip!r}")

    def factor(norms: jax.Array, limit: float) -> jax.Array:
        # Where the norm is 0 there is nothing to clip. A NaN stays one.
        factors = jnp.minimum(1.0, limit / jnp.sqrt(jnp.where(norms <= 0, 1.0, norms)))
        return factors if mask is None else jnp.where(mask, factors, 0)

    if not per_parameter:
        return weighted_sum(gradients, factor(square_norms(gradients), clip))
    parameters = [leaf for leaf in jax.tree.leaves(gradients, is_leaf=is_gradients) if is_gradients(leaf)]
    limit = clip / math.sqrt(sum(math.prod(own.layers) for own in parameters))

    def clip_alone(own: ExampleGradients) -> jax.Array:
        with jax.default_matmul_precision("highest"):
            return own.on_each_layer(lambda part: part.sum(factor(part.square_norms(), limit)))

    def each(leaf: Any) -> Any:
        return clip_alone(leaf) if is_gradients(leaf) else leaf

    return jax.tree.map(each, gradients, is_leaf=is_gradients)
