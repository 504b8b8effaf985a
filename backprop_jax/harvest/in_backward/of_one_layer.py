"""Layers of which it is said what their parameters' gradient is to be."""

from collections.abc import Callable

from backprop_jax.core.layer import Layer
from backprop_jax.core.rewrite import rewrite_outermost
from backprop_jax.harvest.selecting import Selector, meaning, replace_selected

__all__ = ["change_selected"]


def change_selected(caller: str, layer: Layer, selector: Selector, fn: Callable[[Layer], Layer]) -> Layer:
    """`replace_selected`, but where the layer around a selected part needs more of it than its gradient.

    That is a parameter with another use, as a tied table, whose gradient is but a part, and what a model reads the
    fields of, as a loss does those of its model. Where the part with all uses is selected nothing is refused.

    Raises:   ValueError if the selector means no layer, or such a part; TypeError if it is no selector.
    """
    _refuse_opened(caller, layer, meaning(selector))
    return replace_selected(layer, selector, fn)


def _refuse_opened(caller: str, layer: Layer, means: Callable[[str, Layer], bool]) -> None:
    why: dict[int, str] = {}  # by identity: a path may be that of several

    def look(path: str, part: Layer) -> bool:
        if not means(path, part):
            why.update(_opened(part, why.get(id(part))))
            return False
        if id(part) in why:
            raise ValueError(
                f"{caller} cannot take {type(part).__name__} at {path!r}, {why[id(part)]}: select the layers in it or "
                "all that is around it, or leave it to the optimizer, as optim.groups or a mask does"
            )
        return True

    rewrite_outermost(layer, look, lambda path, part: part)


def _opened(layer: Layer, why: str | None) -> dict[int, str]:
    """The direct parts of a layer that it uses as more than layers, and how; `why` is what is said of it itself."""
    name = type(layer).__name__
    if layer.is_wiring:
        held = getattr(layer, "layer", None)
        return {id(held): why} if why and isinstance(held, Layer) else {}
    if not (layer.hands_on or layer.adds_up):
        return {}
    opened = {}
    for field, part in vars(layer).items():
        if not isinstance(part, Layer):
            continue
        if field in layer.adds_up:
            opened[id(part)] = f"whose parameters {name} uses twice"
        elif field not in layer.hands_on or (not part.is_wiring and (part.hands_on or part.adds_up)):
            opened[id(part)] = f"which {name} opens"
    return opened
