"""Models are values, so a mode, a tap or a replaced rule is a rewrite of the value."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer

__all__ = ["eval_mode", "layers_of", "rewrite", "rewrite_leaves", "rewrite_outermost", "rewrite_with_path"]

Kind = TypeVar("Kind", bound=Layer)


def rewrite(layer: Layer, fn: Callable[[Layer], Layer]) -> Layer:
    """The layer with `fn` applied to each layer in it, sub-layers before the layers that hold them, itself last."""
    return rewrite_with_path(layer, lambda path, part: fn(part))


def rewrite_with_path(layer: Layer, fn: Callable[[str, Layer], Layer]) -> Layer:
    """`rewrite` with `fn(path, layer)`, where `path` leads to the layer's parameters within those of the model.

    Paths read like `"encoder/0"`. A field named `layer` adds nothing to the path: a combinator that holds one layer
    there has that layer's parameters as its own.
    """
    return _rewrite(layer, "", lambda path, part: True, fn, fn)


def rewrite_outermost(layer: Layer, selects: Callable[[str, Layer], bool], fn: Callable[[str, Layer], Layer]) -> Layer:
    """The layer with `fn(path, part)` in place of each part that is selected; what these hold is not met."""
    return _rewrite(layer, "", lambda path, part: not selects(path, part), _same, fn)


def rewrite_leaves(layer: Layer, fn: Callable[[str, Layer], Layer]) -> Layer:
    """The layer with `fn(path, leaf)` in place of every layer in it that is no wiring; what these hold is not met.

    Of a layer that `hands_on` or `adds_up` the gradients of some of its layers it is these that are met.
    """

    def enters(path: str, part: Layer) -> bool | tuple[str, ...]:
        return part.is_wiring or (*part.hands_on, *part.adds_up)

    return _rewrite(layer, "", enters, _same, fn)


def _same(path: str, part: Layer) -> Layer:
    return part


def _rewrite(
    layer: Layer,
    path: str,
    enters: Callable[[str, Layer], bool | tuple[str, ...]],  # True: all fields
    entered: Callable[[str, Layer], Layer],
    others: Callable[[str, Layer], Layer],
) -> Layer:
    def join(name: str) -> str:
        return f"{path}/{name}" if path else name

    def part(name: str, value: Any) -> Any:
        if isinstance(value, Layer):
            return _rewrite(value, path if name == "layer" else join(name), enters, entered, others)
        if isinstance(value, Children):
            return value.map(lambda name, child: _rewrite(child, join(name), enters, entered, others))
        if isinstance(value, tuple) and any(isinstance(entry, Layer) for entry in value):
            return tuple(part(f"{name}/{number}", entry) for number, entry in enumerate(value))
        return value

    into = enters(path, layer)
    if not into:
        return others(path, layer)
    names = [field.name for field in dataclasses.fields(layer) if field.init] if into is True else into
    fields = {name: getattr(layer, name) for name in names}
    rewritten = {name: part(name, value) for name, value in fields.items()}
    return entered(path, dataclasses.replace(layer, **rewritten))


def layers_of(layer: Layer, kind: type[Kind]) -> list[Kind]:
    """The layers of this class in it, itself among them, sub-layers before the layers that hold them."""
    found: list[Kind] = []

    def look(part: Layer) -> Layer:
        if isinstance(part, kind):
            found.append(part)
        return part

    rewrite(layer, look)
    return found


def eval_mode(layer: Layer) -> Layer:
    """The layer as it is used after training: every `train` field in it is False."""

    def switch(part: Layer) -> Layer:
        has_mode = any(field.name == "train" for field in dataclasses.fields(part))
        return dataclasses.replace(part, train=False) if has_mode else part

    return rewrite(layer, switch)
