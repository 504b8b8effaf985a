"""What turns the outputs of parallel layers into one."""

from dataclasses import dataclass
from functools import reduce
from operator import add

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static

__all__ = ["Concatenate", "Identity", "Sum"]


@dataclass(frozen=True)
class Identity(Layer):
    """The input, unchanged.

        y = x

    Shapes: any.   Params, state: none.   Saves: nothing.   Backward: dx = dy
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return x, state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return (), dy


@dataclass(frozen=True)
class Sum(Layer):
    """The sum of all leaves of the input.

        y = x_1 + ... + x_n

    Shapes: a pytree of arrays of one shape -> that shape.   Params, state: none.   Saves: no array.
    Backward: dx_i = dy: the adjoint of adding is copying.
    Raises:   ValueError if the shapes differ: a sum that broadcasts has another adjoint.
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, Static]:
        leaves, structure = jax.tree.flatten(x)
        if len({leaf.shape for leaf in leaves}) != 1:
            raise ValueError(f"Sum needs arrays of one shape, not {[leaf.shape for leaf in leaves]}")
        return reduce(add, leaves), state, Static((structure, tuple(leaf.dtype for leaf in leaves)))

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, PyTree]:
        structure, dtypes = residuals.value
        return (), structure.unflatten(_cotangent(dy, dtype) for dtype in dtypes)


@dataclass(frozen=True)
class Concatenate(Layer):
    """The leaves of the input end to end along one axis.

        y = [x_1, ..., x_n]

    Shapes: a pytree of arrays (..., D_i, ...) -> (..., Σ D_i, ...).   Params, state: none.   Saves: no array.
    Backward: dx_i = the part of dy that x_i became.
    """

    axis: int = -1

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, Static]:
        leaves, structure = jax.tree.flatten(x)
        sizes = tuple(leaf.shape[self.axis] for leaf in leaves)
        return (
            jnp.concatenate(leaves, self.axis),
            state,
            Static((structure, sizes, tuple(leaf.dtype for leaf in leaves))),
        )

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, PyTree]:
        structure, sizes, dtypes = residuals.value
        parts = jax.lax.split(dy, sizes, self.axis % dy.ndim)
        return (), structure.unflatten(map(_cotangent, parts, dtypes))


def _cotangent(dy: jax.Array, dtype: jnp.dtype) -> jax.Array | None:
    return dy.astype(dtype) if jnp.issubdtype(dtype, jnp.inexact) else None
