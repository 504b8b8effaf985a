"""Gradients before they are added up over the examples of a batch, and what is known of them without forming them."""

import abc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any, Protocol, Self, TypeGuard, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.varying import vary_like

__all__ = [
    "AsMatrix",
    "BackwardPerExample",
    "Each",
    "ExampleGradients",
    "PerExampleForm",
    "Several",
    "is_gradients",
    "once",
    "over",
    "squares_one_by_one",
    "static",
    "summed",
]


@runtime_checkable
class BackwardPerExample(Protocol):
    """A layer that can stop before the sum over the examples.

    `backward_per_example` is `backward` with `ExampleGradients` in place of each parameter's gradient. The first axis
    of x and y is that of the examples.
    """

    def backward_per_example(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]: ...


@runtime_checkable
class PerExampleForm(Protocol):
    """A layer that another takes the place of where gradients of single examples are wanted.

    None if there is no rule for them: the layer then goes back one example after the other.
    """

    def per_example_form(self) -> Layer | None: ...


def static(**options: Any) -> Any:
    """A dataclass field that is no array but part of a pytree's structure."""
    return field(metadata={"static": True}, **options)


@dataclass(frozen=True)
class ExampleGradients(abc.ABC):
    """The B gradients of one parameter, one for each example, in whatever form they are known.

    A pytree, so that it passes through jit, and through `scan`, which puts an axis of layers before all its arrays:
    `stacked` counts such axes. The other methods are for none; `on_each_layer` applies them where there are some.
    """

    @property
    @abc.abstractmethod
    def stacked(self) -> int:
        """The number of axes of layers before the axis of examples."""

    @property
    def layers(self) -> tuple[int, ...]:
        """The sizes of these axes."""
        return jax.tree.leaves(self)[0].shape[: self.stacked]

    @property
    def examples(self) -> int:
        """B."""
        return jax.tree.leaves(self)[0].shape[self.stacked]

    @abc.abstractmethod
    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        """Σ w_i g_i, with weights (B,), in the parameter's dtype. Without weights it is the gradient itself."""

    @abc.abstractmethod
    def each(self) -> jax.Array:
        """(B, *shape of the parameter) in at least float32: B times the parameter's memory."""

    @abc.abstractmethod
    def astype(self, dtype: jax.typing.DTypeLike) -> Self:
        """The same for a parameter of this dtype."""

    def one(self, number: jax.Array) -> Self:
        """Those of a batch of one: the example of this number."""
        return jax.tree.map(lambda array: lax.dynamic_slice_in_dim(array, number, 1), self)

    def square_norms(self) -> jax.Array:
        """|g_i|², (B,)."""
        return self.inner(self)

    def inner(self, other: "ExampleGradients") -> jax.Array:
        """<g_i, h_i> with the gradients of the same parameter in another use, (B,)."""
        g, h = self.each(), other.each()
        return jnp.sum(g * h, tuple(range(1, g.ndim)))

    def along(self, direction: jax.Array) -> jax.Array:
        """<g_i, direction>, (B,), with one array in the form of the parameter."""
        return jnp.tensordot(self.each(), direction, direction.ndim)

    def at(self, rows: jax.Array) -> jax.Array:
        """The rows with these numbers (B, T) of each example's gradient of a table, (B, T, D)."""
        return jnp.take_along_axis(self.each(), rows[..., None], 1)

    def gram(self) -> jax.Array:
        """<g_i, g_j> of all pairs of examples, (B, B)."""
        rows = self.each()
        rows = rows.reshape(len(rows), -1)
        return jnp.matmul(rows, rows.T, precision=jax.lax.Precision.HIGHEST)

    def square_sum(self, columns: str | None = None) -> jax.Array:
        """Σ g_i² of each number, in at least float32, summed over the axis `columns` of a `jax.vmap` too."""
        return over(columns, jnp.sum(jnp.square(self.each()), 0))

    def pairs(self) -> tuple[jax.Array, jax.Array] | None:
        """x (B, T, D) and dy (B, T, F) if g_i = Σ_t x_itᵀ dy_it with the parameter as a matrix (D, F), else None.

        With an axis of groups before the last where each of them has such a matrix.
        """
        return None

    @property
    def as_matrix(self) -> "AsMatrix":
        """How the parameter becomes the matrix, or matrices, of `pairs`."""
        return AsMatrix()

    def __add__(self, other: "ExampleGradients") -> "ExampleGradients":
        """Those of a parameter that is used twice."""
        return Several((*_uses(self), *_uses(other)))

    def on_each_layer(self, method: Callable[..., jax.Array], *others: jax.Array) -> jax.Array:
        """`method(self, *others)` where no layers are stacked, else that of each layer, stacked likewise."""
        for _ in range(self.stacked):
            method = jax.vmap(method)
        return method(self, *others)


@dataclass(frozen=True)
class AsMatrix:
    """A parameter becomes a matrix (D, F), or one in each group, (G, D, F), when it is given this shape, its axes this
    order, and then these three or two axes."""

    shape: tuple[int, ...] = ()  # with one axis more than the parameter; none: it only needs the last two axes
    order: tuple[int, ...] = ()
    takes_bias: bool = True  # a bias beside it is one row more

    def into(self, parameter: jax.Array, lead: tuple[int, ...], features: int) -> jax.Array:
        """(*lead, D, F) of a parameter with axes of layers before its own."""
        if self.shape:
            layers = parameter.shape[: parameter.ndim - len(self.shape) + 1]
            places = range(len(layers))
            parameter = parameter.reshape(*layers, *self.shape)
            parameter = parameter.transpose(*places, *(len(layers) + axis for axis in self.order))
        return parameter.reshape(*lead, -1, features)

    def back(self, matrix: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """The parameter of this shape again."""
        if self.shape:
            layers = shape[: len(shape) - len(self.shape) + 1]
            matrix = matrix.reshape(*layers, *(self.shape[axis] for axis in self.order))
            places = [self.order.index(axis) for axis in range(len(self.order))]
            matrix = matrix.transpose(*range(len(layers)), *(len(layers) + place for place in places))
        return matrix.reshape(shape)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Each(ExampleGradients):
    """The gradients themselves: for parameters of few numbers."""

    values: jax.Array  # (B, *shape)
    rank: int = static()  # of the parameter
    dtype: Any = static()  # of the parameter

    @classmethod
    def of(cls, values: jax.Array, dtype: jax.typing.DTypeLike) -> "Each":
        return cls(values, values.ndim - 1, jnp.dtype(dtype))

    @property
    def stacked(self) -> int:
        return self.values.ndim - 1 - self.rank

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        values = self.each()
        total = jnp.sum(values, 0) if weights is None else jnp.tensordot(weights, values, 1)
        return total.astype(self.dtype)

    def each(self) -> jax.Array:
        return self.values.astype(jnp.promote_types(self.values.dtype, jnp.float32))

    def astype(self, dtype: jax.typing.DTypeLike) -> "Each":
        return replace(self, dtype=jnp.dtype(dtype))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Several(ExampleGradients):
    """Those of a parameter with several uses, which add up: |Σ g|² has cross terms."""

    uses: tuple[ExampleGradients, ...]

    @property
    def stacked(self) -> int:
        return self.uses[0].stacked

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        return reduce(add, (use.sum(weights) for use in self.uses))

    def each(self) -> jax.Array:
        return reduce(add, (use.each() for use in self.uses))

    def along(self, direction: jax.Array) -> jax.Array:
        return reduce(add, (use.along(direction) for use in self.uses))

    def at(self, rows: jax.Array) -> jax.Array:
        return reduce(add, (use.at(rows) for use in self.uses))

    def astype(self, dtype: jax.typing.DTypeLike) -> "Several":
        return Several(tuple(use.astype(dtype) for use in self.uses))

    def one(self, number: jax.Array) -> "Several":
        return Several(tuple(use.one(number) for use in self.uses))

    def square_sum(self, columns: str | None = None) -> jax.Array:
        return squares_one_by_one(self, columns)

    def square_norms(self) -> jax.Array:
        norms = [use.square_norms() for use in self.uses]
        pairs = ((a, b) for i, a in enumerate(self.uses) for b in self.uses[:i])
        return reduce(add, (*norms, *(2 * a.inner(b) for a, b in pairs)))


def over(columns: str | None, value: jax.Array) -> jax.Array:
    """The value, summed over the axis of this name if there is one."""
    return value if columns is None else lax.psum(value, columns)


def squares_one_by_one(own: ExampleGradients, columns: str | None) -> jax.Array:
    """`own.square_sum(columns)` without ever having B gradients at once."""
    like = jax.eval_shape(lambda own: own.each(), own)

    def add(number: jax.Array, total: jax.Array) -> jax.Array:
        return total + jnp.square(own.one(number).each()[0])

    zeros = vary_like(jnp.zeros(like.shape[1:], like.dtype), own)
    return over(columns, lax.fori_loop(0, own.examples, add, zeros))


def once(columns: str | None, value: jax.Array) -> jax.Array:
    """The value, known to be the same along the axis of this name, without the axis.

    Also where `in_order` has tied it to one that differs along the axis.
    """
    return value if columns is None else lax.pmax(value, columns)


def _uses(gradients: ExampleGradients) -> tuple[ExampleGradients, ...]:
    return gradients.uses if isinstance(gradients, Several) else (gradients,)


def is_gradients(node: Any) -> TypeGuard[ExampleGradients]:
    """Whether a node of a tree stands for a parameter's gradients: what `is_leaf` is to be there."""
    return isinstance(node, ExampleGradients)


def summed(tree: PyTree) -> PyTree:
    """The gradient itself in place of each `ExampleGradients`."""

    def total(leaf: Any) -> Any:
        return leaf.sum() if is_gradients(leaf) else leaf

    return jax.tree.map(total, tree, is_leaf=is_gradients)
