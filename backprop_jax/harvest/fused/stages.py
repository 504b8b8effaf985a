"""An objective as a row of stages, each with parameters of its own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators.cast import Cast
from backprop_jax.combinators.chain import Chain
from backprop_jax.combinators.first import First, first
from backprop_jax.combinators.scan import Scan
from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.parts import InParts, Part, Place
from backprop_jax.layers.join import Identity

__all__ = ["Program", "Stage", "View", "fold", "in_programs", "stages", "unfold"]


class View(NamedTuple):
    """How a stage's parameters are to be seen by the optimizer: as they stand in the model's."""

    path: tuple[str, ...] = ()
    axes: int = 0  # in front, one for each scan that the stage is a step of

    def of(self, tree: PyTree) -> PyTree:
        tree = jax.tree.map(lambda leaf: leaf.reshape((1,) * self.axes + leaf.shape), tree)
        for name in reversed(self.path):
            tree = {name: tree}
        return tree

    def back(self, tree: PyTree) -> PyTree:
        for name in self.path:
            tree = tree[name]
        return jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[self.axes :]), tree)


class Stage(NamedTuple):
    layer: Layer
    around: tuple[First | Cast, ...]  # what the layer stands within, outermost first, each around nothing
    view: View


class Program(NamedTuple):
    """Neighbours that run as one."""

    layer: Layer
    views: tuple[View, ...]
    is_first: bool


def stages(layer: Layer, view: View = View(), around: tuple[First | Cast, ...] = ()) -> Iterator[Stage]:
    match layer:
        case Chain(Children(layers, names)):
            for name, child in zip(names or map(str, range(len(layers))), layers, strict=True):
                yield from stages(child, _within(view, name), around)
        case Scan(step, depth) if depth:
            for _ in range(depth):
                yield from stages(step, view._replace(axes=view.axes + 1), around)
        case Supervised(model, loss):
            yield from stages(model, view, (*around, first(Identity())))
            yield Stage(loss, around, View())
        case First(inner) | Cast(inner) if list(stages(inner)) != [Stage(inner, (), View())]:
            yield from stages(inner, view, (*around, replace(layer, layer=Identity())))
        case InParts():
            for part in layer.in_parts():
                yield from stages(part.layer, _within(view, part.params), around)
        case _:
            yield Stage(layer, around, view)


def unfold(layer: Layer, tree: PyTree, place: Callable[[Part], Place]) -> list[PyTree]:
    """The parts of a model's parameters, or state, that belong to its stages; `place` tells which of both it is."""
    match layer:
        case Chain(children):
            return [part for child, own in children.zip(tree) for part in unfold(child, own, place)]
        case Scan(step, depth) if depth:
            slices = (jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(depth))
            return [part for own in slices for part in unfold(step, own, place)]
        case Supervised(model, _):
            return [*unfold(model, tree, place), ()]
        case First(inner) | Cast(inner):
            return unfold(inner, tree, place)
        case InParts():
            return [x for part in layer.in_parts() for x in unfold(part.layer, Part.take(tree, place(part)), place)]
        case _:
            return [tree]


def fold(layer: Layer, parts: Iterator[PyTree], place: Callable[[Part], Place]) -> PyTree:
    """A model's parameters, or state, made of those of its stages."""
    match layer:
        case Chain(children):
            return children.pack([fold(child, parts, place) for child in children.layers])
        case Scan(step, depth) if depth:
            slices = [fold(step, parts, place) for _ in range(depth)]
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *slices)
        case Supervised(model, _):
            whole = fold(model, parts, place)
            next(parts)  # of the loss, which has nothing
            return whole
        case First(inner) | Cast(inner):
            return fold(inner, parts, place)
        case InParts():
            whole: PyTree = {}
            for part in layer.in_parts():
                whole = Part.put(whole, place(part), fold(part.layer, parts, place))
            return whole
        case _:
            return next(parts)


def in_programs(row: Sequence[Stage], together: int) -> list[Program]:
    """So many neighbours in each, or fewer where what they stand within changes."""
    made, begin = [], 0
    while begin < len(row):
        around, end = row[begin].around, begin + 1
        while end < min(begin + together, len(row)) and row[end].around == around:
            end += 1
        layer: Layer = Chain(Children(tuple(stage.layer for stage in row[begin:end])))
        for wrapper in reversed(around):
            layer = replace(wrapper, layer=layer)
        made.append(Program(layer, tuple(stage.view for stage in row[begin:end]), begin == 0))
        begin = end
    return made


def _within(view: View, place: Place) -> View:
    names = tuple(filter(None, place.split("/"))) if isinstance(place, str) else ()
    return View((*view.path, *names), view.axes)
