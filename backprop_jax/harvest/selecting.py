"""Which layers of a model are meant."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from backprop_jax.core.layer import Layer
from backprop_jax.core.rewrite import rewrite_with_path

__all__ = ["Selector", "meaning", "replace_selected"]

Selector = str | type[Layer] | tuple[type[Layer], ...] | Callable[[str, Layer], bool]


def replace_selected(layer: Layer, selector: Selector, fn: Callable[[Layer], Layer]) -> Layer:
    """The layer with `fn(part)` in place of each part that the selector means.

    A selector is a pattern of paths, as `rewrite_with_path` has them, such as "encoder/*" or "*/0"; a class of layers,
    or several; or a function `(path, layer) -> bool`. A part inside of one that is meant is replaced only if it is
    meant itself.

    Raises:   ValueError if the selector means no layer: it names the paths that there are.
    """
    means, met, count = meaning(selector), [], 0

    def look(path: str, part: Layer) -> Layer:
        nonlocal count
        met.append(f"{path or '(the whole)'}: {type(part).__name__}")
        if not means(path, part):
            return part
        count += 1
        return fn(part)

    replaced = rewrite_with_path(layer, look)
    if not count:
        raise ValueError(f"{selector!r} selects no layer; there are {', '.join(met)}")
    return replaced


def meaning(selector: Selector) -> Callable[[str, Layer], bool]:
    """Whether a selector means the layer at a path."""
    if isinstance(selector, str):
        return lambda path, part: fnmatchcase(path, selector)
    if isinstance(selector, type | tuple):
        return lambda path, part: isinstance(part, selector)
    return selector
