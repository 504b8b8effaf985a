"""Which layers of a model are meant."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from backprop_jax.core.layer import Layer
from backprop_jax.core.rewrite import rewrite_outermost, rewrite_with_path

__all__ = ["Selector", "meaning", "replace_selected"]

Selector = str | type[Layer] | tuple[type[Layer], ...] | Callable[[str, Layer], bool]


def replace_selected(layer: Layer, selector: Selector, fn: Callable[[Layer], Layer]) -> Layer:
    """The layer with `fn(part)` in place of each part that the selector means.

    A selector is a pattern of paths, as `rewrite_with_path` has them, such as "encoder/*" or "*/0"; a class of layers,
    or several; or a function `(path, layer) -> bool`. What is inside of a part that is meant is not looked at: of
    several at one path, such as a `scan` and its block, the outermost is replaced.

    Raises:   ValueError if the selector means no layer: it names the paths that there are; TypeError if it is none.
    """
    means, count = meaning(selector), 0

    def replace(path: str, part: Layer) -> Layer:
        nonlocal count
        count += 1
        return fn(part)

    replaced = rewrite_outermost(layer, means, replace)
    if not count:
        raise ValueError(f"{selector!r} selects no layer; there are {', '.join(_met(layer))}")
    return replaced


def meaning(selector: Selector) -> Callable[[str, Layer], bool]:
    """Whether a selector means the layer at a path."""
    if isinstance(selector, str):
        return lambda path, part: fnmatchcase(path, selector)
    if isinstance(selector, type) or (isinstance(selector, tuple) and all(isinstance(kind, type) for kind in selector)):
        return lambda path, part: isinstance(part, selector)
    if not callable(selector):
        raise TypeError(
            "a selector is a pattern of paths, a class of layers or a tuple of several, or a function "
            f"(path, layer) -> bool, not {selector!r}"
        )
    return selector


def _met(layer: Layer) -> list[str]:
    met: list[str] = []

    def look(path: str, part: Layer) -> Layer:
        met.append(f"{path or '(the whole)'}: {type(part).__name__}")
        return part

    rewrite_with_path(layer, look)
    return met
