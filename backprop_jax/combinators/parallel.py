"""Layers side by side: each with an input of its own (`parallel`), or all with the same one (`fan_out`)."""

from dataclasses import dataclass
from functools import reduce

import jax

from backprop_jax.core.checks import require_components
from backprop_jax.core.children import Children
from backprop_jax.core.cotangents import add, pull
from backprop_jax.core.layer import Layer, PyTree, output_like
from backprop_jax.layers.join import Identity

__all__ = ["FanOut", "Parallel", "fan_out", "parallel"]


def parallel(*layers: Layer, join: Layer = Identity(), **named: Layer) -> "Parallel":
    """`(x_1, ..., x_n) -> join(f_1(x_1), ..., f_n(x_n))`; keyword layers take and make dicts.

    `join` is a layer without parameters: `Identity()` keeps the outputs apart, `Sum()` adds them, `Concatenate(axis)`
    lays them end to end.
    """
    return Parallel(Children.of("parallel", layers, named), join)


def fan_out(*layers: Layer, join: Layer = Identity(), **named: Layer) -> "FanOut":
    """`x -> join(f_1(x), ..., f_n(x))`, with `join` as in `parallel`."""
    return FanOut(Parallel(Children.of("fan_out", layers, named), join))


@dataclass(frozen=True)
class Parallel(Layer):
    """Layers side by side, each with an input of its own.

        y = join(f_1(x_1), ..., f_n(x_n))

    Params, state: one entry a layer.   Saves: what its layers and the join save.
    Backward: (dy_1, ..., dy_n) = join'ᵀ dy,   dx_i = f_i'ᵀ dy_i
    Raises:   ValueError if the number of inputs is not that of the layers, or the join has parameters or state.
    """

    is_wiring = True
    children: Children
    join: Layer

    def __post_init__(self) -> None:
        if not self.children.layers:
            raise ValueError("parallel and fan_out need at least one layer")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        require_components(self, x, len(self.children.layers), self.children.names)
        keys = self.children.pack(jax.random.split(key, len(self.children.layers)))
        each = [layer.init(*columns) for layer, *columns in self.children.zip(keys, x)]
        params, state = (self.children.pack(column) for column in zip(*each, strict=True))
        outputs = (output_like(layer, *columns) for layer, *columns in self.children.zip(params, state, x))
        if jax.tree.leaves(self.join.init(key, self.children.pack(outputs))):
            raise ValueError(f"parallel takes a join without parameters and state, and {self.join} has some")
        return params, state

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        require_components(self, x, len(self.children.layers), self.children.names)
        each = [layer.forward(*columns) for layer, *columns in self.children.zip(params, state, x)]
        outputs, new_state, residuals = (self.children.pack(column) for column in zip(*each, strict=True))
        y, _, join_residuals = self.join.forward((), (), outputs)
        return y, new_state, (residuals, join_residuals)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        residuals, join_residuals = residuals
        _, doutputs = self.join.backward((), join_residuals, dy)
        each = [pull(layer, *columns) for layer, *columns in self.children.zip(params, residuals, doutputs)]
        dparams, dx = (self.children.pack(column) for column in zip(*each, strict=True))
        return dparams, dx


@dataclass(frozen=True)
class FanOut(Layer):
    """Layers side by side on the same input.

        y = join(f_1(x), ..., f_n(x))

    Params, state, saves: those of `parallel`.
    Backward: dx = Σ f_i'ᵀ dy_i: the adjoint of copying is adding.
    """

    is_wiring = True
    layer: Parallel

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, self._copies(x))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return self.layer.forward(params, state, self._copies(x))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dcopies = self.layer.backward(params, residuals, dy)
        return dparams, reduce(add, self.layer.children.unpack(dcopies))

    def _copies(self, x: PyTree) -> PyTree:
        children = self.layer.children
        return children.pack([x] * len(children.layers))
