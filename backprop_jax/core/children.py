"""Sub-layers in order: how a combinator of many layers holds them, and how it lays out what belongs to them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer

__all__ = ["Children"]


@dataclass(frozen=True, repr=False)
class Children:
    """An ordered collection of layers; parameters, state and residuals follow its form.

    Positional children make tuples, keyword children make dicts.
    """

    layers: tuple[Layer, ...]
    names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, combinator: str, positional: tuple[Layer, ...], named: Mapping[str, Layer]) -> "Children":
        """Children from a combinator's arguments, refusing what would be ambiguous or is no layer."""
        if positional and named:
            raise ValueError(f"{combinator} takes its layers either all by position or all by keyword, not both")
        for layer in (*positional, *named.values()):
            require_layer(combinator, layer)
        return cls(tuple(named.values()), tuple(named)) if named else cls(positional)

    def pack(self, values: Iterable[Any]) -> tuple | dict:
        """One value a child, in order -> a tuple or a dict."""
        return tuple(values) if self.names is None else dict(zip(self.names, values, strict=True))

    def unpack(self, packed: Any) -> tuple:
        """A tuple or a dict as made by `pack` -> one value a child, in order."""
        return tuple(packed) if self.names is None else tuple(packed[name] for name in self.names)

    def zip(self, *packed: Any) -> list[tuple]:
        """For each layer, in order, the layer and its entry in each of the packed values."""
        return list(zip(self.layers, *map(self.unpack, packed), strict=True))

    def map(self, fn: Callable[[str, Layer], Layer]) -> "Children":
        """The same collection with `fn(name, layer)` in place of each layer."""
        names = self.names or tuple(map(str, range(len(self.layers))))
        return Children(tuple(map(fn, names, self.layers)), self.names)

    def __repr__(self) -> str:
        if self.names is None:
            return ", ".join(map(repr, self.layers))
        return ", ".join(f"{name}={layer!r}" for name, layer in zip(self.names, self.layers, strict=True))
