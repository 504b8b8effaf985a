"""A layer applied to the first component of its input, what comes with it passed by."""

from dataclasses import dataclass

import jax

from backprop_jax.core.checks import require_components, require_layer
from backprop_jax.core.cotangents import pull
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["First", "first", "with_first"]


def first(layer: Layer) -> "First":
    """`(x, *others) -> (layer(x), *others)`; an x that comes alone, `x -> layer(x)`."""
    return First(layer)


@dataclass(frozen=True)
class First(Layer):
    """A layer on the first component of a tuple, list or NamedTuple, such as the x of `Padded`.

        (y, *others) = (f(x), *others)

    Shapes:   the output is a tuple, list or NamedTuple as the input is. An array is its own first component: so a
              model takes sequences with and without their lengths.
    Params, state, saves: those of f.
    Backward: (dx, *dothers) = (f'ᵀ dy, *dothers)
    """

    is_wiring = True
    layer: Layer

    def __post_init__(self) -> None:
        require_layer("first", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, _first_of(self, x))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, state, residuals = self.layer.forward(params, state, _first_of(self, x))
        return with_first(x, y), state, residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dx = pull(self.layer, params, residuals, dy if _is_alone(dy) else dy[0])
        return dparams, with_first(dy, dx)


def _first_of(layer: Layer, x: PyTree) -> PyTree:
    if _is_alone(x):
        return x
    require_components(layer, x)
    return x[0]


def _is_alone(x: PyTree) -> bool:
    return hasattr(x, "shape")


def with_first(components: PyTree, value: PyTree) -> PyTree:
    """The components with this value in place of the first, in a container of the same type."""
    if _is_alone(components):
        return value
    one_level = jax.tree.structure(components, is_leaf=lambda node: node is not components)
    return one_level.unflatten((value, *components[1:]))
