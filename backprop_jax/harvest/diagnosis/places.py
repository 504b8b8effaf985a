"""Where in a model its layers are tapped, and where in parameters and state the statistics go."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators.bidirectional import Bidirectional
from backprop_jax.combinators.recurrent import Recurrent
from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, OutputAgain, PyTree
from backprop_jax.core.rewrite import layers_of
from backprop_jax.harvest.diagnosis.flow import FlowStatistics
from backprop_jax.harvest.diagnosis.tapped import Probed, Tapped, TappedAgain
from backprop_jax.optim.inspection.tree_paths import matches

__all__ = ["Places", "TappedModel", "tapped_model"]


class Place(NamedTuple):
    path: str
    like: FlowStatistics  # shapes
    told: bool


@dataclass(frozen=True)
class Places:
    """The places for statistics in a tree, of parameters or of state."""

    structure: Any  # of the tree, down to what belongs to one layer
    at: tuple[Place | None, ...]  # what is at each of these; None: something that no tapped layer owns

    @classmethod
    def of(cls, tree: PyTree) -> "Places":
        """Those of a tree as a tapped model's init makes it."""
        nodes, structure = jax.tree.flatten(tree, is_leaf=lambda node: isinstance(node, Probed))

        def place(node: Any) -> Place | None:
            return Place(node.path.value, node.statistics, True) if isinstance(node, Probed) else None

        return cls(structure, tuple(map(place, nodes)))

    def filled(self, tree: PyTree, taken: jax.Array | None) -> PyTree:
        """The tree of the model without taps, with zeros in the places, and whether they are told in this step."""

        def fill(place: Place | None, own: PyTree) -> PyTree:
            if place is None:
                return own
            if not place.told:
                return Probed(own, None)
            each = None if taken is None else jnp.broadcast_to(taken, place.like.values.shape)
            return Probed(own, _zeros(place.like), each)

        return self.structure.unflatten(map(fill, self.at, self.structure.flatten_up_to(tree)))

    def emptied(self, tree: PyTree) -> tuple[PyTree, dict[str, FlowStatistics]]:
        """The tree of the model without taps, and by path what was in the places."""
        pairs = list(zip(self.at, self.structure.flatten_up_to(tree), strict=True))
        own = self.structure.unflatten(node if place is None else node.own for place, node in pairs)
        return own, self.zeros | {place.path: node.statistics for place, node in pairs if place and place.told}

    @property
    def zeros(self) -> dict[str, FlowStatistics]:
        """What is told when nothing is."""
        return {place.path: _zeros(place.like) for place in self.at if place}

    def silent(self, paths: list[str]) -> "Places":
        """The same, with nothing told of these layers."""
        return replace(self, at=tuple(place and place._replace(told=place.path not in paths) for place in self.at))


class TappedModel(NamedTuple):
    layer: Layer
    paths: list[str]  # of the tapped layers, in the order in which the model holds them
    params: Places
    state: Places


def tapped_model(model: Layer, where: str, sample: int, x: PyTree) -> TappedModel:
    """The model with taps at the layers whose path matches `where`."""
    seen: list[str] = []
    paths: list[str] = []

    def tap(path: str, layer: Layer) -> Layer:
        seen.append(path)
        if not matches(path, where):
            return layer
        paths.append(path)
        tapped = Tapped(layer, sample, path)
        return TappedAgain(tapped) if isinstance(layer, OutputAgain) else tapped

    layer = _at_leaves(model, "", tap)
    if not paths:
        raise ValueError(f"no layer's path matches {where!r}; there are {', '.join(map(repr, seen)) or 'none'}")
    params, state = jax.eval_shape(layer.init, jax.random.key(0), x)
    of_params = Places.of(params)
    # The cotangent that reaches the first parameters is the last that anybody computes: what comes before has none.
    nodes = of_params.structure.flatten_up_to(params)
    if all(of_params.at):
        with_params = {node.path.value for node in nodes if jax.tree.leaves(node.own)}
        first = next((number for number, path in enumerate(paths) if path in with_params), 0)
        of_params = of_params.silent(paths[:first])
    return TappedModel(layer, paths, of_params, Places.of(state))


def _at_leaves(layer: Layer, path: str, tap: Callable[[str, Layer], Layer]) -> Layer:
    """The layer with `tap` applied to the leaves of what combinators and models hold and hand on."""
    names = _handed_on(layer)
    if not names:
        return tap(path, layer)

    def under(name: str) -> str:
        return f"{path}/{name}" if path else name

    parts = {}
    for name in names:
        value = getattr(layer, name)
        if isinstance(value, Children):
            parts[name] = value.map(lambda child_name, child: _at_leaves(child, under(child_name), tap))
        else:
            parts[name] = _at_leaves(value, path if name == "layer" else under(name), tap)
    return replace(layer, **parts)


def _handed_on(layer: Layer) -> tuple[str, ...]:
    """The fields whose layers' gradients and state it carries unopened."""
    if isinstance(layer, Bidirectional) and any(part.carry == "input" for part in layers_of(layer, Recurrent)):
        return ()  # it asks whether its parts are recurrent
    if layer.is_wiring:
        return tuple(name for name in ("layer", "children") if hasattr(layer, name))
    return layer.hands_on


def _zeros(like: FlowStatistics) -> FlowStatistics:
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)
