"""Composition, and with it the chain rule."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.combinators.first import First
from backprop_jax.core.children import Children
from backprop_jax.core.cotangents import pull
from backprop_jax.core.layer import Layer, OutputAgain, PyTree, output_like
from backprop_jax.core.ordering import in_order
from backprop_jax.core.static import Static

__all__ = ["Chain", "chain"]


def chain(*layers: Layer, **named: Layer) -> "Chain":
    """Layers one after the other: `chain(f, g)` is `x -> g(f(x))`.

    Positional layers give tuples of parameters and state, keyword layers give dicts: `chain(hidden=..., readout=...)`.
    """
    return Chain(Children.of("chain", layers, named))


@dataclass(frozen=True)
class Chain(Layer):
    """Layers one after the other.

        y = f_n(... f_2(f_1(x)))

    Params, state: one entry a layer.
    Saves:    what its layers save, but not the output of a layer that has a method `output_again`, as the norms do: a
              norm and a layer that saves its input save one array instead of two.
    Backward: dx = f_1'ᵀ(f_2'ᵀ(... f_n'ᵀ dy)): each layer's dx is the dy of the layer before it.
    """

    is_wiring = True
    children: Children

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        params, state = [], []
        for layer, layer_key in zip(
            self.children.layers, jax.random.split(key, len(self.children.layers)), strict=True
        ):
            layer_params, layer_state = layer.init(layer_key, x)
            x = output_like(layer, layer_params, layer_state, x)
            params.append(layer_params)
            state.append(layer_state)
        return self.children.pack(params), self.children.pack(state)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        new_state, residuals, told_again = [], [], False
        for layer, layer_params, layer_state in self.children.zip(params, state):
            y, layer_state, layer_residuals = layer.forward(layer_params, layer_state, x)
            new_state.append(layer_state)
            residuals.append(_without(_first_of(x), layer_residuals) if told_again else layer_residuals)
            # Not by one that was itself shortened: its input would have to be told first.
            x, told_again = y, isinstance(_inner(layer), OutputAgain) and not isinstance(residuals[-1], _Shortened)
        return x, self.children.pack(new_state), self.children.pack(residuals)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams = []
        calls = self.children.zip(params, residuals)
        first_with_params = next((i for i, (_, own, _) in enumerate(calls) if jax.tree.leaves(own)), len(calls))
        for i, (layer, layer_params, layer_residuals) in reversed(list(enumerate(calls))):
            if isinstance(layer_residuals, _Shortened) and jax.tree.leaves(dy):
                before, before_params, before_residuals = calls[i - 1]
                layer_residuals = _with_input(layer_residuals, _inner(before), before_params, before_residuals, dy)
            layer_dparams, dy = pull(layer, layer_params, layer_residuals, dy)
            if i > first_with_params:
                # Parameters are read for dx, and an optimizer writes their update over them. Unless the gradient waits
                # for dx, XLA copies every weight to be safe. At the first parameters nobody may need dx at all.
                dy, layer_dparams = in_order(dy, layer_dparams)
            dparams.append(layer_dparams)
        return self.children.pack(reversed(dparams)), dy


def _inner(layer: Layer) -> Any:
    """The layer itself, or what `first` applies to the first component: parameters and residuals are the same."""
    return _inner(layer.layer) if isinstance(layer, First) else layer


def _first_of(x: PyTree) -> PyTree:
    return x[0] if isinstance(x, tuple | list) and x else x


class _Shortened(NamedTuple):
    """Residuals without the leaves that are the layer's input."""

    kept: tuple[jax.Array, ...]
    places: Static  # the structure, and for each of its leaves whether it is the input


def _without(x: PyTree, residuals: PyTree) -> PyTree:
    leaves, structure = jax.tree.flatten(residuals)
    is_input = tuple(leaf is x for leaf in leaves)
    if not any(is_input):
        return residuals
    kept = tuple(leaf for leaf, told_again in zip(leaves, is_input, strict=True) if not told_again)
    return _Shortened(kept, Static((structure, is_input)))


def _with_input(shortened: _Shortened, layer: OutputAgain, params: PyTree, residuals: PyTree, dy: PyTree) -> PyTree:
    """All residuals, from those of the layer before."""
    # Not before dy is there, or XLA would see the same expression twice and keep the first result alive after all.
    _, residuals = in_order(dy, residuals)
    x = layer.output_again(params, residuals)
    structure, is_input = shortened.places.value
    kept = iter(shortened.kept)
    return structure.unflatten(x if told_again else next(kept) for told_again in is_input)
