"""Layers that are not written as chains and yet are some: what takes a model apart may take these apart too."""

from typing import NamedTuple, Protocol, runtime_checkable

from backprop_jax.core.layer import Layer, PyTree

__all__ = ["InParts", "Part", "Place"]

# Where something stands in a tree of dicts: under names joined by "/" ("" is the whole), under several names, nowhere.
Place = str | tuple[str, ...] | None


class Part(NamedTuple):
    """A layer of several in a row, and the places of what belongs to it in what belongs to them all."""

    layer: Layer
    params: Place = None
    state: Place = None

    @staticmethod
    def take(tree: PyTree, place: Place) -> PyTree:
        if place is None:
            return ()
        if isinstance(place, tuple):
            return {name: tree[name] for name in place}
        for name in filter(None, place.split("/")):
            tree = tree[name]
        return tree

    @staticmethod
    def put(tree: PyTree, place: Place, value: PyTree) -> PyTree:
        """The tree with the value at its place: what stood there, `take` of each part gives again."""
        if place is None:
            return tree
        if isinstance(place, tuple):
            return {**tree, **value}
        name, _, rest = place.partition("/")
        return {**tree, name: Part.put(tree.get(name, {}), rest, value)} if name else value


@runtime_checkable
class InParts(Protocol):
    """A layer that computes what the chain of its parts does, with the same parameters and state.

    A tied table goes along, from the part that has it as a parameter to the part that reads it again: so its cotangent
    comes back to the first one.
    """

    def in_parts(self) -> tuple[Part, ...]: ...
