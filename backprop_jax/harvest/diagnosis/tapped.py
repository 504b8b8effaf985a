"""Layers of which is told what flows through them."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.harvest.diagnosis.flow import FlowStatistics, statistics, zero_statistics

__all__ = ["Probed", "Tapped", "TappedAgain"]


class Probed(NamedTuple):
    """What belongs to a layer, its params or its state, and beside it the place for what is told of the layer."""

    own: PyTree
    statistics: Any  # FlowStatistics, or None where nothing is told
    taken: jax.Array | None = None  # bool, whether it is told in this step; None: always
    path: Any = None  # Static(that of the layer); from `init` only


@dataclass(frozen=True)
class Tapped(Layer):
    """A layer with what flows through it told: forward by its state, backward as the gradient of parameters of 0.

        y = f(x)

    So whatever carries state and gradients carries the statistics: chain, scan, skip, remat.

    Params:   `Probed(those of f, zeros)`; with None for the zeros the cotangent is not looked at.
    State:    `Probed(that of f, statistics of y)`.   Saves: what f saves.
    Backward: that of f;   dzeros = statistics of dy
    """

    layer: Layer
    sample: int
    path: str = field(compare=False)  # layers that are equal but for this are traced once

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        params, state = self.layer.init(key, x)
        path = Static(self.path)
        return Probed(params, zero_statistics(), None, path), Probed(state, zero_statistics(), None, path)

    def forward(self, params: Probed, state: Probed, x: PyTree) -> tuple[PyTree, Probed, PyTree]:
        y, new_state, residuals = self.layer.forward(params.own, state.own, x)
        return y, Probed(new_state, self._told(state, y), state.taken), residuals

    def backward(self, params: Probed, residuals: PyTree, dy: PyTree) -> tuple[Probed, PyTree]:
        dparams, dx = self.layer.backward(params.own, residuals, dy)
        return Probed(dparams, self._told(params, dy)), dx

    def _told(self, place: Probed, tree: PyTree) -> FlowStatistics | None:
        if place.statistics is None:
            return None
        if place.taken is None:
            return statistics(tree, self.sample)
        numbers = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        return lax.cond(place.taken, partial(statistics, sample=self.sample), lambda _: zero_statistics(), numbers)


@dataclass(frozen=True)
class TappedAgain(Layer):
    """`Tapped`, of a layer that tells its output again: a chain need not save that twice.

    Params, state, saves, backward: those of `Tapped`.
    """

    layer: Tapped

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: Probed, state: Probed, x: PyTree) -> tuple[PyTree, Probed, PyTree]:
        return self.layer.forward(params, state, x)

    def backward(self, params: Probed, residuals: PyTree, dy: PyTree) -> tuple[Probed, PyTree]:
        return self.layer.backward(params, residuals, dy)

    def output_again(self, params: Probed, residuals: PyTree) -> jax.Array:
        layer: Any = self.layer.layer
        return layer.output_again(params.own, residuals)
