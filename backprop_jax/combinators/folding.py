"""Batch norms folded into the layers before them, for inference."""

import dataclasses
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.chain import Chain, chain
from backprop_jax.combinators.reparameterize import Reparameterize
from backprop_jax.combinators.scan import Scan
from backprop_jax.combinators.spectral_normalization import SpectralNorm, divided
from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import layers_of
from backprop_jax.core.static import Static
from backprop_jax.layers.activations import ReLU
from backprop_jax.layers.affine import Affine
from backprop_jax.layers.convolution import Conv, ConvTranspose
from backprop_jax.layers.dense import Dense
from backprop_jax.layers.join import Identity
from backprop_jax.layers.normalization.batch_norm import BatchNorm

__all__ = ["fold_batch_norm"]

Linear = Dense | Conv | ConvTranspose  # each with w (..., F or F/G) and, if it has one, b (F,)
Cell = tuple[Layer, PyTree, PyTree]  # a layer with its parameters and its state


def fold_batch_norm(model: Layer, params: PyTree, state: PyTree) -> Cell:
    """The model in eval mode without batch norms, and its parameters and state: the same function in fewer operations.

        scale' = scale / sqrt(var + eps),   shift' = shift - mean scale'
        BatchNorm(x w + b) = x (scale' w) + (scale' b + shift')

    A batch norm that follows a Dense, Conv or ConvTranspose in a chain goes into its w and b, which is added where
    there was none. Any other becomes an `Affine` layer, with scale' and shift'. A ReLU that it applied stays behind in
    its place, or else an `Identity`, which costs nothing: so no other layer changes its path, and the other parameters
    of the model keep their names in files. Chains within chains are one chain; all combinators are searched. A
    `reparameterize` or `spectral_norm` around a batch norm gives way to the parameters that it makes.

    Raises:   ValueError if a batch norm is in train mode, and if one is in a layer whose parameters or state are not
              laid out by the names of its fields.
    """
    for norm in layers_of(model, BatchNorm):
        if norm.train:
            raise ValueError(
                f"fold_batch_norm needs statistics that are fixed, and {norm} is in train mode: use eval_mode first"
            )
    return _fold(model, params, state)


def _fold(layer: Layer, params: PyTree, state: PyTree) -> Cell:
    cells = list(_cells(layer, params, state))
    linear: int | None = None  # the place of the last linear layer, while nothing else has been between
    for place, (part, own_params, own_state) in enumerate(cells):
        if isinstance(part, BatchNorm):
            affine = _affine(part, own_params, own_state)
            if linear is not None:
                cells[linear] = _scaled(*cells[linear], affine)
                cells[place] = (ReLU() if part.relu else Identity(), (), ())
            elif part.relu:
                cells[place] = (chain(Affine(), ReLU()), (affine, ()), ((), ()))
            else:
                cells[place] = (Affine(), affine, ())
            linear = None if part.relu else linear
        elif isinstance(part, Linear):
            linear = place
        elif not isinstance(part, Identity):
            linear = None
            cells[place] = _fold_inside(part, own_params, own_state)
    return _assembled(layer, iter(cells))


def _cells(layer: Layer, params: PyTree, state: PyTree) -> Iterator[Cell]:
    """The layers of a chain, and of the chains in it, in order."""
    if isinstance(layer, Chain):
        for child in layer.children.zip(params, state):
            yield from _cells(*child)
    else:
        yield layer, params, state


def _assembled(layer: Layer, cells: Iterator[Cell]) -> Cell:
    """The chains of `layer` again, of these cells."""
    if not isinstance(layer, Chain):
        return next(cells)
    children, params, state = _packed(layer.children, [_assembled(child, cells) for child in layer.children.layers])
    return Chain(children), params, state


def _affine(norm: BatchNorm, params: PyTree, state: PyTree) -> PyTree:
    """The parameters of the affine layer that a batch norm with fixed statistics is."""
    scale = params["scale"] * lax.rsqrt(state["var"] + norm.eps)
    return {"scale": scale, "shift": params["shift"] - state["mean"] * scale}


def _scaled(layer: Layer, params: PyTree, state: PyTree, affine: PyTree) -> Cell:
    """A linear layer followed by an affine one, as one."""
    w, scale, shift = params["w"], affine["scale"], affine["shift"]
    factors = scale
    if isinstance(layer, ConvTranspose):
        # w (*K, C, F/G): its last axis counts the features of the group that the channel is in.
        by_group = scale.reshape(layer.feature_group_count, -1)
        factors = jnp.repeat(by_group, w.shape[-2] // layer.feature_group_count, axis=0)
    b = params["b"] * scale + shift if "b" in params else shift
    folded = {"w": (w * factors).astype(w.dtype), "b": b.astype(w.dtype)}
    return dataclasses.replace(layer, use_bias=True), folded, state


def _fold_inside(layer: Layer, params: PyTree, state: PyTree) -> Cell:
    """A layer that is no chain, with the batch norms within its sub-layers folded."""
    if not layers_of(layer, BatchNorm):
        return layer, params, state
    if isinstance(layer, Reparameterize):
        return _fold(layer.layer, layer.fn(params), state)
    if isinstance(layer, SpectralNorm):
        return _fold(layer.layer, divided(state.vectors, params), state.layer)
    if isinstance(layer, Scan):
        inner, params, state = jax.vmap(partial(_fold_step, layer.layer))(params, state)
        return dataclasses.replace(layer, layer=inner.value), params, state
    parts = {}
    for name, value in ((field.name, getattr(layer, field.name)) for field in dataclasses.fields(layer)):
        if isinstance(value, Children):
            parts[name], params, state = _packed(value, [_fold(*child) for child in value.zip(params, state)])
        elif name == "layer":
            parts[name], params, state = _fold(value, params, state)
        elif isinstance(value, Layer) and _has(params, name) and _has(state, name):
            parts[name], own_params, own_state = _fold(value, params[name], state[name])
            params, state = {**params, name: own_params}, {**state, name: own_state}
    layer = dataclasses.replace(layer, **parts)
    if layers_of(layer, BatchNorm):
        raise ValueError(
            f"fold_batch_norm cannot find the parameters of every batch norm in {layer}: it looks for those of a "
            "sub-layer under the name of its field, in the dicts of parameters and state"
        )
    return layer, params, state


def _fold_step(layer: Layer, params: PyTree, state: PyTree) -> tuple[Static, PyTree, PyTree]:
    layer, params, state = _fold(layer, params, state)
    return Static(layer), params, state


def _packed(children: Children, cells: list[Cell]) -> tuple[Children, PyTree, PyTree]:
    """The children of a combinator, with what belongs to them in the form of its parameters and state."""
    layers, params, state = zip(*cells, strict=True) if cells else ((), (), ())
    return Children(layers, children.names), children.pack(params), children.pack(state)


def _has(tree: PyTree, name: str) -> bool:
    return isinstance(tree, dict) and name in tree
