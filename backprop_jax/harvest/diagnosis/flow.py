"""What is told of an activation or a cotangent in a few numbers."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import PyTree

__all__ = ["EDGES", "FlowStatistics", "statistics", "zero_statistics"]

# 4^-20 (9e-13) to 4^11 (4e6): of the histogram's bins the first is all below, the last all from the highest edge on.
EDGES = 4.0 ** np.arange(-20, 12)


class FlowStatistics(NamedTuple):
    """Of the floating point numbers v of an array, or of all arrays of a pytree. All fields are float32.

    Where no numbers were looked at, `values` is 0 and so is the rest. Under a `scan` each field has an axis of layers.
    """

    values: jax.Array  # how many numbers
    norm: jax.Array  # √Σ v²
    largest: jax.Array  # max |v|
    dead: jax.Array  # the fraction of units, places on the last axis, at which all numbers are 0
    not_finite: jax.Array  # how many are NaN or infinite; some are NaN if `largest` is
    histogram: jax.Array  # (33,): the fraction with EDGES[i - 1] <= |v| < EDGES[i], of a sample if there are many

    @property
    def rms(self) -> jax.Array:
        """√(mean of v²)."""
        return self.norm / jnp.sqrt(jnp.maximum(self.values, 1))


def zero_statistics() -> FlowStatistics:
    """Those of nothing."""
    zero = jnp.zeros((), jnp.float32)
    return FlowStatistics(zero, zero, zero, zero, zero, jnp.zeros(len(EDGES) + 1, jnp.float32))


def statistics(tree: PyTree, sample: int | None = None) -> FlowStatistics:
    """Those of the tree's floating point leaves; the histogram is of about `sample` numbers of each, or of all.

    Exact but for the histogram: a sum of squares, a maximum and a count, three readings of the array.
    """
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.size]
    if not leaves:
        return zero_statistics()
    values = sum(leaf.size for leaf in leaves)
    rows = [leaf.reshape(-1, leaf.shape[-1] if leaf.ndim else 1) for leaf in leaves]
    squares = sum(jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in rows)
    of_units = [jnp.max(jnp.abs(leaf), 0).astype(jnp.float32) for leaf in rows]
    largest = jnp.max(jnp.stack([jnp.max(unit) for unit in of_units]))
    dead = sum(jnp.sum(unit == 0) for unit in of_units) / sum(map(len, of_units))
    # Not under a condition: on a CPU that takes as long, and a GPU would wait for the host.
    not_finite = sum(jnp.sum(jnp.where(jnp.isfinite(leaf), 0.0, 1.0)) for leaf in rows)
    shares = [leaf.size / values * _histogram(leaf, sample) for leaf in leaves]
    of_all = values, jnp.sqrt(squares), largest, dead, not_finite, sum(shares)
    return FlowStatistics(*(jnp.asarray(field, jnp.float32) for field in of_all))


def _histogram(array: jax.Array, sample: int | None) -> jax.Array:
    """(33,), which add up to the share of what is a number."""
    step = 1 if sample is None else max(array.size // sample, 1)
    # Not always of the same units.
    while step > 1 and math.gcd(step, array.shape[-1]) > 1:
        step += 1
    v = jnp.abs(array.reshape(-1)[::step].astype(jnp.float32))
    from_edge = jnp.sum(v[:, None] >= jnp.asarray([0.0, *EDGES], jnp.float32), 0)
    return (from_edge - jnp.append(from_edge[1:], 0)) / len(v)
