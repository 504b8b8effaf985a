"""What XLA cannot know from the data alone: that one thing is to be computed before another."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import PyTree

__all__ = ["in_order", "zeros_after"]


def in_order(first: PyTree, then: PyTree) -> tuple[PyTree, PyTree]:
    """Both, unchanged, in a form that keeps XLA from using `then` before `first` has been computed."""
    arrays = [leaf for leaf in jax.tree.leaves(first) if leaf.size]
    if not arrays or not jax.tree.leaves(then):
        return first, then
    first, then = lax.optimization_barrier((first, then))
    if jax.__version_info__ >= (0, 11):
        return first, then
    # Before 0.11 XLA for CPU forgets the barrier when it orders instructions, so the dependence must be arithmetic.
    zero = _zero_of(arrays[0])
    return first, jax.tree.map(lambda leaf: leaf + zero.astype(leaf.dtype) if _is_number(leaf) else leaf, then)


def zeros_after(arrays: Sequence[jax.Array], shape: tuple[int, ...], dtype: jax.typing.DTypeLike) -> jax.Array:
    """Zeros that XLA cannot make before the arrays: where a loop writes its result, reserved no earlier.

    Within `shard_map` they vary over the mesh axes along which any array does, as the result of such a loop will.
    """
    zeros = jnp.zeros(shape, dtype)
    return reduce(add, (_zero_of(array).astype(dtype) for array in arrays if array.size), zeros)


@jax.jit
def _zero_of(array: jax.Array) -> jax.Array:
    """Zero, though XLA does not know it: n (n + 1) is even."""
    number = array.ravel()[0].astype(int)
    return (number * (number + 1)) % 2


def _is_number(leaf: jax.Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.number)
