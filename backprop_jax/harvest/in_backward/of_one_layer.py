"""Layers of which it is said what their parameters' gradient is to be."""

from collections.abc import Callable
from typing import Any

from backprop_jax.core.layer import Layer
from backprop_jax.core.rewrite import rewrite, rewrite_with_path
from backprop_jax.harvest.selecting import Selector, meaning, replace_selected

__all__ = ["change_outermost", "refuse_shared"]


def refuse_shared(caller: str, layer: Layer, selector: Selector) -> None:
    """ValueError if a selected layer has a parameter with another use, as a tied table: its gradient is but a part."""
    means, shared = meaning(selector), {}

    def look(path: str, part: Layer) -> Layer:
        for name in part.adds_up:
            shared[path if name == "layer" else f"{path}/{name}" if path else name] = type(part).__name__
        return part

    def refuse(path: str, part: Layer) -> Layer:
        if path in shared and means(path, part) and not part.is_wiring:
            raise ValueError(
                f"{caller} cannot take {type(part).__name__} at {path!r}, whose parameters {shared[path]} uses twice: "
                "leave them to the optimizer, as optim.groups or a mask does"
            )
        return part

    rewrite_with_path(layer, look)
    rewrite_with_path(layer, refuse)


def change_outermost(
    caller: str, layer: Layer, selector: Selector, wrap: Callable[[Layer, Any], Layer], rule: Any
) -> Layer:
    """The layer with `wrap(part, rule)` for the selected parts, but not within one: no array is to be changed twice.

    Raises: ValueError if the selector means no layer, or one with a parameter of two uses.
    """
    refuse_shared(caller, layer, selector)

    def bare(part: Any) -> Layer:
        return part.layer if getattr(part, "rule", None) is rule else part

    return replace_selected(layer, selector, lambda part: wrap(rewrite(part, bare), rule))
