"""A layer with everything that a check needs: parameters, state, an input and a cotangent, none of them special."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.cotangents import instantiate, is_differentiable, pull, with_float0, without_float0
from backprop_jax.core.layer import Layer, PyTree

__all__ = [
    "QUICK",
    "Case",
    "autodiff",
    "directional_difference",
    "hand_written",
    "inner",
    "make_case",
    "random_direction",
    "random_like",
    "to_dtype",
]


QUICK = {"xla_backend_optimization_level": 0}  # each program runs once: what takes time is compiling it


class Case(NamedTuple):
    params: PyTree
    state: PyTree
    x: PyTree
    dy: PyTree


def make_case(layer: Layer, x: PyTree, random: np.random.Generator) -> Case:
    """Parameters moved off their initial values (a bias of zero hides its own absence), and a random cotangent."""
    params, state = initialized(layer, x, int(random.integers(2**31)))
    noise = random_like(params, random)
    moved = jax.tree.map(
        lambda leaf, by: leaf if by is None else (np.asarray(leaf) + 0.3 * by).astype(leaf.dtype), params, noise
    )
    y = jax.eval_shape(layer.forward, moved, state, x)[0]
    return Case(moved, state, x, random_like(y, random))


def initialized(layer: Layer, x: PyTree, seed: int) -> tuple[PyTree, PyTree]:
    """What `layer.init` makes, by one program; by none where it makes no array."""
    init = lambda seed, x: layer.init(jax.random.key(seed), x)
    shapes = jax.eval_shape(init, seed, x)
    return jax.jit(init, compiler_options=QUICK)(seed, x) if jax.tree.leaves(shapes) else shapes


def random_like(tree: PyTree, random: np.random.Generator) -> PyTree:
    """Normal draws in the shape of the differentiable leaves, None for the others: a random tangent or cotangent.

    NumPy draws them, as it converts dtypes below: JAX would compile a program for every shape.
    """

    def draw(leaf):
        return random.standard_normal(leaf.shape).astype(leaf.dtype) if is_differentiable(leaf) else None

    return jax.tree.map(draw, tree)


def to_dtype(tree: PyTree, dtype: jax.typing.DTypeLike) -> PyTree:
    """The tree with its floating point leaves converted, as NumPy arrays."""
    return jax.tree.map(
        lambda leaf: np.asarray(leaf).astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


def hand_written(layer: Layer, case: Case) -> tuple[PyTree, PyTree]:
    """The output, and `(dparams, dx)` by the layer's own backward, with zeros for None."""
    y, _, residuals = layer.forward(case.params, case.state, case.x)
    dparams, dx = pull(layer, case.params, residuals, case.dy)
    return y, instantiate((dparams, dx), (case.params, case.x))


def autodiff(layer: Layer, case: Case) -> tuple[PyTree, PyTree]:
    """The output, and `(dparams, dx)` by `jax.vjp` of the layer's forward."""
    y, pullback = jax.vjp(lambda params, x: layer.forward(params, case.state, x)[0], case.params, case.x)
    return y, without_float0(pullback(with_float0(case.dy, y)))


def directional_difference(layer: Layer, case: Case, direction: tuple[PyTree, PyTree], step: float) -> jax.Array:
    """The derivative of `<dy, y>` along a direction of `(params, x)`, by central differences; `None` does not move."""

    def output_along(distance: float) -> jax.Array:
        def move(tangent, primal):
            return primal if tangent is None else primal + distance * tangent

        moved = jax.tree.map(move, direction, (case.params, case.x), is_leaf=lambda node: node is None)
        return inner(case.dy, layer.forward(moved[0], case.state, moved[1])[0])

    ahead, behind = jax.lax.map(output_along, jnp.array([step, -step]))
    return (ahead - behind) / (2 * step)


def random_direction(layer: Layer, case: Case, random: np.random.Generator) -> tuple[PyTree, PyTree]:
    """A random tangent of `(params, x)`, None for what the layer declares a constant by the cotangent None."""
    _, _, residuals = jax.eval_shape(layer.forward, case.params, case.state, case.x)
    return random_like(jax.eval_shape(partial(pull, layer), case.params, residuals, case.dy), random)


def inner(cotangent: PyTree, tangent: PyTree) -> Any:
    """The inner product over all leaves that the cotangent has; of NumPy arrays, by NumPy."""

    def product(left, right):
        return None if left is None else (left * right).sum()

    products = jax.tree.map(product, cotangent, tangent, is_leaf=lambda node: node is None)
    return sum(jax.tree.leaves(products), start=np.zeros(()))
