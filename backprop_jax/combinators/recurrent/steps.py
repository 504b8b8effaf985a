"""Sequences as loops see them: the steps in front, and which of them are real."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import PyTree

__all__ = ["How", "carry_before", "choose", "swap_steps", "zeros_where_not"]


class How(NamedTuple):
    """In what way a loop goes over the steps."""

    mask: jax.Array | None  # (T, B), True at the real steps; None where all are
    reverse: bool
    unroll: int


def swap_steps(sequences: PyTree) -> PyTree:
    """(B, T, ...) -> (T, B, ...), and back."""
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), sequences)


def choose(mask: jax.Array | None, real: PyTree, other: PyTree) -> PyTree:
    """For each sequence the first where its step is real, else the second."""
    return real if mask is None else jax.tree.map(lambda a, b: jnp.where(_beside(mask, a), a, b), real, other)


def zeros_where_not(mask: jax.Array | None, tree: PyTree) -> PyTree:
    """The tree, zero at the steps that are not real."""
    return tree if mask is None else choose(mask, tree, jax.tree.map(jnp.zeros_like, tree))


def carry_before(start: PyTree, after: PyTree, mask: jax.Array | None, reverse: bool) -> PyTree:
    """The carry before each step, from the one before the first and those after each: (T, B, ...).

    Of a step that is not real the carry after it is not looked at: the one before it holds on.
    """
    return jax.tree.map(_before(mask, reverse), start, after)


def _before(mask: jax.Array | None, reverse: bool) -> Callable[[jax.Array, jax.Array], jax.Array]:
    def from_neighbour(start: jax.Array, after: jax.Array) -> jax.Array:
        if reverse:
            return jnp.concatenate([after, start[None]])[1:]
        return jnp.concatenate([start[None], after])[:-1]

    if mask is None:
        return from_neighbour
    # The number of the last real step up to each, counted from 1, and 0 where there is none.
    number = jnp.arange(1, len(mask) + 1)[:, None]
    if reverse:
        number = number[::-1]
    last = lax.cummax(jnp.where(mask, number, 0), axis=0, reverse=reverse)
    last = from_neighbour(jnp.zeros(mask.shape[1:], last.dtype), last)

    def from_last_real(start: jax.Array, after: jax.Array) -> jax.Array:
        in_order = jnp.concatenate([start[None], after[::-1] if reverse else after])
        return jnp.take_along_axis(in_order, _beside(last, after), axis=0)

    return from_last_real


def _beside(mask: jax.Array, array: jax.Array) -> jax.Array:
    return mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim))
