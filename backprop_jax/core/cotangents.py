"""The algebra of cotangents. A cotangent mirrors its primal; `None` is the zero that needs no memory."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from backprop_jax.core.example_gradients import is_gradients
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.varying import vary, varying_axes

__all__ = [
    "add",
    "cast_like",
    "instantiate",
    "is_differentiable",
    "match_vma",
    "pull",
    "widen",
    "with_float0",
    "without_float0",
]


def is_differentiable(leaf: jax.Array | jax.ShapeDtypeStruct) -> bool:
    """Whether a leaf has a cotangent: floating point and complex arrays do; integers, masks and keys do not."""
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def pull(layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
    """`layer.backward`, skipped where no cotangent arrives. Combinators call their children through it.

    Layers are values, so under jit equal ones on equal types are traced and lowered once, however often a model holds
    them. Without jit this is a plain call.
    """
    leaves = jax.tree.leaves(dy)
    if not leaves:
        return None, None
    traced = any(isinstance(leaf, Tracer) for leaf in leaves)
    return _backward(layer, params, residuals, dy) if traced else layer.backward(params, residuals, dy)


@partial(jax.jit, static_argnums=0)
def _backward(layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
    return layer.backward(params, residuals, dy)


def add(a: PyTree, b: PyTree) -> PyTree:
    """The sum of two cotangents of one primal: the adjoint of using a value twice."""
    if a is None or b is None:
        return b if a is None else a
    if is_gradients(a):
        return a + b
    if jax.tree_util.all_leaves([a]):
        return a + b
    children, one_level = jax.tree.flatten(a, is_leaf=lambda node: node is not a)
    return one_level.unflatten(map(add, children, one_level.flatten_up_to(b)))


def cast_like(cotangent: PyTree, primal: PyTree) -> PyTree:
    """The cotangent, each leaf in the dtype of what it is the cotangent of."""
    return _map(lambda part, like: part.astype(like.dtype), cotangent, primal)


def instantiate(cotangent: PyTree, primal: PyTree) -> PyTree:
    """The cotangent with zeros for every `None` that stands for a differentiable leaf of the primal."""

    return _fill(cotangent, primal, lambda leaf: _zeros(leaf) if is_differentiable(leaf) else None)


def with_float0(cotangent: PyTree, primal: PyTree) -> PyTree:
    """The cotangent in the form that the pullbacks of `jax.vjp` take: zeros for `None`, float0 for integers."""

    def zeros(leaf):
        return _zeros(leaf) if is_differentiable(leaf) else np.zeros(leaf.shape, jax.dtypes.float0)

    return _fill(cotangent, primal, zeros)


def without_float0(cotangent: PyTree) -> PyTree:
    """A cotangent in the form that `jax.vjp` makes, with `None` for every float0 leaf."""
    return jax.tree.map(lambda leaf: None if leaf.dtype == jax.dtypes.float0 else leaf, cotangent)


def match_vma(cotangent: PyTree, primal: PyTree) -> PyTree:
    """The cotangent, summed over the mesh axes of a `shard_map` along which it varies and its primal does not.

    A replicated parameter is used once on every device, so its cotangent is the sum over devices: the adjoint of
    replication. Outside `shard_map` this is the identity.
    """

    def match(part, like):
        axes = varying_axes(part) - varying_axes(like)
        return lax.psum(part, tuple(sorted(axes))) if axes else part

    return _map(match, cotangent, primal)


def widen(cotangent: PyTree) -> PyTree:
    """The cotangent in at least float32, for a sum of many terms."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)), cotangent)


def _zeros(leaf) -> jax.Array:
    return vary(jnp.zeros(leaf.shape, leaf.dtype), varying_axes(leaf))


def _map(fn: Callable, cotangent: PyTree, primal: PyTree) -> PyTree:
    """`fn(part, like)` on every leaf of a cotangent, `None` left as it is."""

    def each(part, like):
        return None if part is None else fn(part, like)

    return jax.tree.map(each, cotangent, primal, is_leaf=_stands_for_a_leaf)


def _stands_for_a_leaf(node: PyTree) -> bool:
    return node is None or is_gradients(node)


def _fill(cotangent: PyTree, primal: PyTree, zeros: Callable) -> PyTree:
    """`zeros(leaf)` for every leaf of the primal that a `None` in the cotangent stands for."""

    def each(part, like):
        return jax.tree.map(zeros, like) if part is None else part

    return jax.tree.map(each, cotangent, primal, is_leaf=lambda node: node is None)
