"""Between layers and plain JAX functions, in both directions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.cotangents import match_vma, pull, with_float0, without_float0
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static, Template

__all__ = ["FromFunction", "as_jax_function", "from_function"]


def from_function(fn: Callable, init: Callable | None = None) -> "FromFunction":
    """Any JAX function as a layer, its backward derived by JAX.

    `from_function(fn)` is the layer `x -> fn(x)`. With `init(key, x) -> params` it is `x -> fn(params, x)`. Use named
    functions: a layer made of a fresh lambda is equal to no other, so jit compiles again for it.
    """
    return FromFunction(fn, init)


class FunctionResiduals(NamedTuple):
    saved: tuple[jax.Array, ...]  # the arrays that JAX's pullback holds, parameters taken out
    pullback: Static  # its structure, and for each leaf the number of the parameter that it is, or None
    y: Template


@dataclass(frozen=True)
class FromFunction(Layer):
    """A JAX function as a layer.

        y = fn(x)   or   y = fn(params, x)

    Params:   what init_params makes.   State: none.
    Saves:    what `jax.vjp` saves, except the parameters.
    Backward: the pullback of `jax.vjp`.
    """

    fn: Callable
    init_params: Callable | None = None

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return (() if self.init_params is None else self.init_params(key, x)), ()

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        def call(params, x):
            return self.fn(x) if self.init_params is None else self.fn(params, x)

        params = jax.tree.map(jnp.asarray, params)  # jax.vjp would make new arrays of NumPy's, which none is told from
        y, pullback = jax.vjp(call, params, x)
        leaves, structure = jax.tree.flatten(pullback)
        number_of = {id(leaf): number for number, leaf in enumerate(jax.tree.leaves(params))}
        numbers = tuple(number_of.get(id(leaf)) for leaf in leaves)
        saved = tuple(leaf for leaf, number in zip(leaves, numbers, strict=True) if number is None)
        return y, state, FunctionResiduals(saved, Static((structure, numbers)), Template.of(y))

    def backward(self, params: PyTree, residuals: FunctionResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        structure, numbers = residuals.pullback.value
        saved, param_leaves = iter(residuals.saved), jax.tree.leaves(params)
        pullback = structure.unflatten(next(saved) if number is None else param_leaves[number] for number in numbers)
        dparams, dx = pullback(with_float0(dy, residuals.y.tree))
        return without_float0(dparams), without_float0(dx)


@cache
def as_jax_function(layer: Layer) -> Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]]:
    """A layer as the function `(params, state, x) -> (y, new_state)` that `jax.grad` differentiates by our backward.

    It goes into any JAX program: flax, equinox, plain JAX, under jit, vmap, scan and shard_map. State has no gradient.
    Reverse mode only: `jax.jvp` of a `jax.custom_vjp` function is an error. Equal layers give the same function, so a
    rebuilt model hits the jit cache.
    """

    @jax.custom_vjp
    def apply(params, state, x):
        y, new_state, _ = layer.forward(params, state, x)
        return y, new_state

    def apply_forward(params, state, x):
        y, new_state, residuals = layer.forward(params, state, x)
        return (y, new_state), (params, residuals, Template.of(x))

    def apply_backward(saved, cotangents):
        params, residuals, x = saved
        dy, _ = cotangents
        dparams, dx = pull(layer, params, residuals, without_float0(dy))
        return match_vma(dparams, params), None, match_vma(dx, x.tree)

    apply.defvjp(apply_forward, apply_backward)
    return apply
