"""A chain of which every output is wanted: what rules that teach each layer by itself go along."""

from typing import NamedTuple

import jax

from backprop_jax.combinators.chain import Chain
from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, PyTree, output_like

__all__ = ["Forwards", "children_of", "forward_each", "one_output_like", "outputs_like"]


class Forwards(NamedTuple):
    """What a forward pass through all layers gives; state and residuals in the form of the chain's."""

    outputs: list[jax.Array]  # one a layer
    state: PyTree
    residuals: PyTree


def children_of(caller: str, chain: Layer) -> Children:
    """The layers of a chain. Raises: ValueError unless there are two or more."""
    if not isinstance(chain, Chain) or len(chain.children.layers) < 2:
        raise ValueError(f"{caller} takes a chain of two layers or more, not {chain}")
    return chain.children


def forward_each(children: Children, params: PyTree, state: PyTree, x: jax.Array) -> Forwards:
    """Each layer's forward, on the output of the one before."""
    outputs, new_state, residuals = [], [], []
    for layer, own, own_state in children.zip(params, state):
        x, own_state, saved = layer.forward(own, own_state, x)
        outputs.append(x)
        new_state.append(own_state)
        residuals.append(saved)
    return Forwards(outputs, children.pack(new_state), children.pack(residuals))


def outputs_like(
    caller: str, children: Children, params: PyTree, state: PyTree, x: jax.Array | jax.ShapeDtypeStruct
) -> list[jax.ShapeDtypeStruct]:
    """The shapes and dtypes of these outputs. Raises: ValueError unless each is one array."""
    found = []
    for layer, own, own_state in children.zip(params, state):
        x = one_output_like(caller, "layers", layer, own, own_state, x)
        found.append(x)
    return found


def one_output_like(
    caller: str, role: str, layer: Layer, params: PyTree, state: PyTree, x: jax.Array | jax.ShapeDtypeStruct
) -> jax.ShapeDtypeStruct:
    """The shape and dtype of a layer's output. Raises: ValueError, with its role, unless it is one array."""
    y = output_like(layer, params, state, x)
    if not isinstance(y, jax.ShapeDtypeStruct):
        raise ValueError(f"{caller} takes {role} that give one array each, and {layer} gives {type(y).__name__}")
    return y
