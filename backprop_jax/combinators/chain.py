"""Composition, and with it the chain rule."""

from dataclasses import dataclass

import jax

from backprop_jax.core.children import Children
from backprop_jax.core.cotangents import pull
from backprop_jax.core.layer import Layer, PyTree, output_like
from backprop_jax.core.ordering import in_order

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

    Params, state: one entry a layer.   Saves: what its layers save, nothing of its own.
    Backward: dx = f_1'ᵀ(f_2'ᵀ(... f_n'ᵀ dy)): each layer's dx is the dy of the layer before it.
    """

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
        new_state, residuals = [], []
        for layer, layer_params, layer_state in self.children.zip(params, state):
            x, layer_state, layer_residuals = layer.forward(layer_params, layer_state, x)
            new_state.append(layer_state)
            residuals.append(layer_residuals)
        return x, self.children.pack(new_state), self.children.pack(residuals)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams = []
        calls = self.children.zip(params, residuals)
        first_with_params = next((i for i, (_, own, _) in enumerate(calls) if jax.tree.leaves(own)), len(calls))
        for i, (layer, layer_params, layer_residuals) in reversed(list(enumerate(calls))):
            layer_dparams, dy = pull(layer, layer_params, layer_residuals, dy)
            if i > first_with_params:
                # Parameters are read for dx, and an optimizer writes their update over them. Unless the gradient waits
                # for dx, XLA copies every weight to be safe. At the first parameters nobody may need dx at all.
                dy, layer_dparams = in_order(dy, layer_dparams)
            dparams.append(layer_dparams)
        return self.children.pack(reversed(dparams)), dy
