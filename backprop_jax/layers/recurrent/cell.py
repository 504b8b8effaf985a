"""What a recurrent cell is, and what one offers that need not do everything step by step."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import PyTree

__all__ = ["Cell", "HoistedCell", "require_carry"]


@runtime_checkable
class Cell(Protocol):
    """A layer from `(carry, x)` to `(carry, y)`, the x and y of one step, that knows what its carry begins with."""

    def initial_carry(self, x: PyTree) -> PyTree:
        """Zeros, for the x of one step: (B, D), an array or a `jax.ShapeDtypeStruct`."""

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]: ...

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]: ...

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]: ...


@runtime_checkable
class HoistedCell(Cell, Protocol):
    """A cell whose products with x and whose weight gradients are taken out of the loop over steps.

    A step sees x through `z = project(params, x)` alone, which does not depend on the carry, and its adjoint leaves
    behind what the weight gradients need: mostly dz.

        z               = project(params, x)                                        all steps at once
        carry, y, saved = advance(params, carry, z)                                 a step
        dcarry, steps   = retreat(params, saved, before, after, dcarry, dy)         its adjoint
        dparams, dx     = collect(params, saved, x, before, after, steps)           all steps at once

    `before` and `after` are the carries around a step. They are not saved: `carries(y, saved)` is the one after it.

    `dparams` has `ExampleGradients` for each parameter, whose examples are the first axis of what `collect` is given:
    loops hand it (T, B, ...) for the gradients themselves, which are sums over all, and (B, T, ...) where those of
    single examples are wanted.
    """

    def project(self, params: PyTree, x: jax.Array) -> jax.Array: ...

    def advance(self, params: PyTree, carry: PyTree, z: jax.Array) -> tuple[PyTree, jax.Array, PyTree]: ...

    def retreat(
        self, params: PyTree, saved: PyTree, before: PyTree, after: PyTree, dcarry: PyTree, dy: jax.Array
    ) -> tuple[PyTree, PyTree]: ...

    def collect(
        self, params: PyTree, saved: PyTree, x: jax.Array, before: PyTree, after: PyTree, steps: PyTree
    ) -> tuple[PyTree, jax.Array]: ...

    def carries(self, y: jax.Array, saved: PyTree) -> PyTree: ...


def require_carry(layer: object, cell: Cell, carry: PyTree, x: PyTree) -> None:
    """ValueError unless the carry is like the one that the cell begins with, for the x of one step.

    Its floating point type may be another: a carry keeps its own.
    """
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), x)
    expected, found = _described(jax.eval_shape(cell.initial_carry, shapes)), _described(carry)
    if found != expected:
        raise ValueError(f"{layer} needs a carry like {expected}, not {found}")


def _described(carry: PyTree) -> str:
    def describe(leaf):
        kind = "floating" if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf.dtype
        return f"{kind}{list(leaf.shape)}"

    return repr(jax.tree.map(lambda leaf: describe(leaf) if hasattr(leaf, "dtype") else leaf, carry))
