"""What a model is made of and what it saves, told before anything runs."""

import copy
import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax

from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import rewrite_with_path

__all__ = ["LayerSummary", "ModelSummary", "residual_bytes", "summarize"]


def residual_bytes(layer: Layer, x: PyTree) -> int:
    """Bytes that `forward` keeps for `backward` on inputs like `x`, under jit.

    An array counts once however many layers save it, and the input counts where it is saved. Parameters do not count.
    """
    params, state = jax.eval_shape(layer.init, jax.random.key(0), x)
    return saved_bytes(lambda params, state, x: layer.forward(params, state, x)[2], params, state, x)


def saved_bytes(saves: Callable[..., PyTree], params: PyTree, *inputs: PyTree) -> int:
    """Bytes of the distinct arrays that `saves(params, *inputs)` returns and that are not parameters."""
    jaxpr = jax.make_jaxpr(saves)(params, *inputs).jaxpr
    parameters = jaxpr.invars[: len(jax.tree.leaves(params))]
    saved = {id(variable): variable.aval for variable in jaxpr.outvars if variable not in parameters}
    return sum(aval.size * aval.dtype.itemsize for aval in saved.values())


class LayerSummary(NamedTuple):
    """One line of a model's table."""

    path: str
    layer: Layer
    output: PyTree  # shapes and dtypes
    parameters: int  # numbers, not bytes
    residual_bytes: int  # of this layer alone


class ModelSummary(NamedTuple):
    """A model's table. Neighbours that save the same array share it, so the total may be less than the sum."""

    layers: tuple[LayerSummary, ...]
    parameters: int
    residual_bytes: int

    def __str__(self) -> str:
        rows = [("path", "layer", "output", "parameters", "residual bytes")]
        for path, layer, output, parameters, saved in self.layers:
            shapes = ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(output))
            rows.append((path, repr(without_initializers(layer)), shapes, f"{parameters:,}", f"{saved:,}"))
        rows.append(("total", "", "", f"{self.parameters:,}", f"{self.residual_bytes:,}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            text = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
            numbers = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
            lines.append("  ".join(text + numbers).rstrip())
        return "\n".join(lines)


def summarize(model: Layer, x: PyTree) -> ModelSummary:
    """The model's layers on inputs like `x`, in the order in which they are called: print it, or read its fields.

    A layer is listed once a call; the layers within a `scan` are listed once, as one step of it sees them.
    """
    lines: list[LayerSummary] = []
    recorded = record_calls(
        model, lambda path, layer, params, state, x, y: lines.append(_line(path, layer, params, x, y))
    )
    params, state = jax.eval_shape(model.init, jax.random.key(0), x)
    jax.eval_shape(recorded.forward, params, state, x)
    return ModelSummary(tuple(lines), _size(params), residual_bytes(model, x))


def record_calls(model: Layer, observe: Callable[..., None]) -> Layer:
    """The model with `observe(path, layer, params, state, x, y)` called at each forward of a layer that holds none.

    A recurrent cell is no such layer: what holds it calls more than its forward, and is observed in its place.
    """

    def watch(path: str, layer: Layer) -> Layer:
        parts = _parts(layer)
        holds_cell = any(_is_cell(part) for part in parts)
        return layer if _is_cell(layer) or (parts and not holds_cell) else observed(layer, partial(observe, path))

    return rewrite_with_path(model, watch)


def observed(layer: Layer, observe: Callable[..., None]) -> Layer:
    """The layer with `observe(layer, params, state, x, y)` called at each forward, of tracers where it is traced."""

    def forward(params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, new_state, residuals = layer.forward(params, state, x)
        observe(layer, params, state, x, y)
        return y, new_state, residuals

    # Not a wrapper: what holds the layer may ask for its class and its fields.
    same = copy.copy(layer)
    object.__setattr__(same, "forward", forward)
    return same


def _parts(layer: Layer | Children) -> list[Layer | Children]:
    return [part for part in vars(layer).values() if isinstance(part, Layer | Children)]


def _is_cell(part: Layer | Children) -> bool:
    return hasattr(part, "initial_carry") and not _parts(part)


def _line(path: str, layer: Layer, params: PyTree, x: PyTree, y: PyTree) -> LayerSummary:
    x, y = (jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree) for tree in (x, y))
    return LayerSummary(path, layer, y, _size(params), residual_bytes(layer, x))


def without_initializers(layer: Layer) -> Layer:
    """The layer with the default ones: how it starts is longer to read than all else about it."""
    fields = (field for field in dataclasses.fields(layer) if field.name.endswith("_init"))
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    return dataclasses.replace(layer, **defaults)


def _size(params: PyTree) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
