"""What can be told of the gradients of single examples without forming them."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import ExampleGradients, is_gradients
from backprop_jax.core.layer import PyTree

__all__ = ["each_gradient", "gram", "of_each_parameter", "square_norms", "weighted_sum"]


def square_norms(gradients: PyTree) -> jax.Array:
    """|g_i|² of the gradients of all parameters together, (B,)."""
    # Told from products of pairs it can be a rounding error below 0.
    return jnp.maximum(_total(of_each_parameter(gradients, lambda own: own.square_norms())), 0)


def gram(gradients: PyTree) -> jax.Array:
    """<g_i, g_j> of the gradients of all parameters together, (B, B)."""
    return _total(of_each_parameter(gradients, lambda own: own.gram()))


def of_each_parameter(gradients: PyTree, method: Callable[[ExampleGradients], jax.Array]) -> PyTree:
    """`method` of the `ExampleGradients` of each parameter, summed over the layers that a `scan` stacks."""

    def told(own: ExampleGradients) -> jax.Array:
        # An accelerator would round the factors to ten bits or fewer, by which a bound on a norm may be passed.
        with jax.default_matmul_precision("highest"):
            return jnp.sum(own.on_each_layer(method), tuple(range(own.stacked)))

    return _map(told, gradients)


def weighted_sum(gradients: PyTree, weights: jax.Array) -> PyTree:
    """Σ w_i g_i with weights (B,), a gradient in the form of the parameters. A `None` among them stays one."""

    def total(own: ExampleGradients) -> jax.Array:
        spread = jnp.broadcast_to(weights, (*own.layers, own.examples))
        return own.on_each_layer(lambda part, weights: part.sum(weights), spread)

    return _map(total, gradients)


def each_gradient(gradients: PyTree) -> PyTree:
    """The gradients themselves, with an axis of examples in front: B times the memory of the parameters."""

    def formed(own: ExampleGradients) -> jax.Array:
        return jnp.moveaxis(own.on_each_layer(lambda part: part.each()), own.stacked, 0)

    return _map(formed, gradients)


def _map(fn: Callable[[ExampleGradients], Any], gradients: PyTree) -> PyTree:
    return jax.tree.map(fn, gradients, is_leaf=is_gradients)


def _total(of_parameters: PyTree) -> jax.Array:
    leaves = jax.tree.leaves(of_parameters)
    if not leaves:
        raise ValueError("no parameter has a gradient: there are none, or all are frozen")
    return reduce(operator.add, leaves)
