"""What is told of an activation or a cotangent in a few numbers."""

import math
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.core.layer import PyTree

__all__ = ["EDGES", "FlowStatistics", "statistics", "zero_statistics"]

# 4^-20 (9e-13) to 4^11 (4e6): of the histogram's bins the first is all below, the last all from the highest edge on.
EDGES = 4.0 ** np.arange(-20, 12)
FOLD = 8  # pieces of an array that a kernel reads side by side; 4 and 16 are slower


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

    Exact but for the histogram.
    """
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.size]
    if not leaves:
        return zero_statistics()
    values = sum(leaf.size for leaf in leaves)
    units = [
        lax.platform_dependent(leaf.reshape(-1, leaf.shape[-1] if leaf.ndim else 1), cpu=_folded, default=_reduced)
        for leaf in leaves
    ]
    squares = sum(jnp.sum(part.squares) for part in units)
    largest = jnp.max(jnp.stack([jnp.max(part.largest) for part in units]))
    # XLA's largest on a CPU is not NaN where one is among many.
    largest = jnp.where(jnp.isnan(squares), squares, largest)
    dead = sum(jnp.sum(part.largest == 0) for part in units) / sum(len(part.largest) for part in units)
    not_finite = sum(part.not_finite for part in units)
    shares = [leaf.size / values * _histogram(leaf, sample) for leaf in leaves]
    of_all = values, jnp.sqrt(squares), largest, dead, not_finite, sum(shares)
    return FlowStatistics(*(jnp.asarray(field, jnp.float32) for field in of_all))


class _OfUnits(NamedTuple):
    """Of the numbers v of each unit, a column of rows (N, D)."""

    largest: jax.Array  # (D,) max |v|
    squares: jax.Array  # (D,) Σ v²
    not_finite: jax.Array  # how many of all


def _reduced(rows: jax.Array) -> _OfUnits:
    """By three reductions: a GPU reads once for all of them."""
    wide = rows.astype(jnp.float32)
    return _OfUnits(jnp.max(jnp.abs(wide), 0), jnp.sum(jnp.square(wide), 0), _count_not_finite(rows))


def _folded(rows: jax.Array) -> _OfUnits:
    """By adding pieces of the rows to each other, largest and squares as the two parts of a complex number.

    XLA on a CPU writes one array with each kernel, so these are as many readings as there are reductions; here it is
    one. The count is a reading too, and is 0 where the squares have a finite sum.
    """
    read, folded = _pair, rows
    while read is _pair or len(folded) > 1:
        pieces = min(len(folded), FOLD)
        height = len(folded) // pieces
        joined = reduce(_join, (read(folded[i * height : (i + 1) * height]) for i in range(pieces)))
        rest = folded[pieces * height :]
        # Made here, and not again in each kernel that reads it.
        folded = lax.optimization_barrier(jnp.concatenate([joined, read(rest)]) if len(rest) else joined)
        read = _as_it_is
    squares = folded[0].imag
    is_fine = jnp.isfinite(jnp.sum(squares))
    not_finite = lax.cond(is_fine, lambda _: jnp.zeros((), jnp.float32), _count_not_finite, rows)
    return _OfUnits(folded[0].real, squares, not_finite)


def _pair(v: jax.Array) -> jax.Array:
    wide = v.astype(jnp.float32)
    return lax.complex(jnp.abs(wide), jnp.square(wide))


def _join(a: jax.Array, b: jax.Array) -> jax.Array:
    return lax.complex(jnp.maximum(a.real, b.real), a.imag + b.imag)


def _as_it_is(pairs: jax.Array) -> jax.Array:
    return pairs


def _count_not_finite(rows: jax.Array) -> jax.Array:
    return jnp.sum(jnp.where(jnp.isfinite(rows), 0.0, 1.0).astype(jnp.float32))


def _histogram(array: jax.Array, sample: int | None) -> jax.Array:
    """(33,), which add up to the share of what is a number."""
    step = 1 if sample is None else max(array.size // sample, 1)
    # Not always of the same units.
    while step > 1 and math.gcd(step, array.shape[-1]) > 1:
        step += 1
    v = jnp.abs(array.reshape(-1)[::step].astype(jnp.float32))
    # A product counts faster than a sum of whole numbers: small ones, exact in any precision.
    reaches = v[:, None] >= jnp.asarray([0.0, *EDGES], jnp.float32)
    from_edge = (jnp.ones((1, len(v)), jnp.float32) @ reaches.astype(jnp.float32))[0]
    return (from_edge - jnp.append(from_edge[1:], 0)) / len(v)
