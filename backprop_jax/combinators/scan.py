"""The same layer many times, with parameters of its own each time, traced and compiled once."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
from jax import lax

from backprop_jax.core.checks import require_layer
from backprop_jax.core.cotangents import instantiate, pull
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static, Template

__all__ = ["Scan", "scan"]


def scan(layer: Layer, depth: int) -> "Scan":
    """`depth` copies of a layer, one after the other, as one `jax.lax.scan`: compile time does not grow with depth."""
    return Scan(layer, depth)


class ScanResiduals(NamedTuple):
    stacked: tuple[jax.Array, ...]  # (L, ...): what differs from step to step, each array once
    invariant: dict[int, jax.Array]  # the leaves of x that every step passes on unchanged, stored once and not L times
    places: Static  # where each of the layer's residuals is to be found
    x: Template


@dataclass(frozen=True)
class Scan(Layer):
    """A layer applied `depth` times.

        x_0 = x,   x_i = f(params_i, x_{i-1}),   y = x_L

    Shapes:   f(x) has the structure, shapes and dtypes of x.   Params, state: those of f with a leading axis L.
    Saves:    the residuals of f with a leading axis L; an array that f saves twice is stored once, and an input that f
              passes on unchanged (cross-attention memory) is stored without the axis.
    Backward: the scan in reverse, dx_{i-1} = f'(params_i)ᵀ dx_i.
    Raises:   ValueError if depth is negative or f changes the shape or dtype of its input.
    """

    is_wiring = True
    layer: Layer
    depth: int

    def __post_init__(self) -> None:
        require_layer("scan", self.layer)
        if not isinstance(self.depth, int) or self.depth < 0:
            raise ValueError(f"scan needs a whole number of 0 or more as its depth, not {self.depth!r}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return jax.vmap(lambda layer_key: self.layer.init(layer_key, x))(jax.random.split(key, self.depth))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, ScanResiduals]:
        def step(x: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
            layer_params, layer_state = slices
            y, new_state, residuals = self.layer.forward(layer_params, layer_state, x)
            self._require_same_type(x, y)
            return y, (new_state, *_without_repetition(residuals, x, y))

        y, (new_state, stacked, places) = lax.scan(step, x, (params, state), length=self.depth)
        inputs = jax.tree.leaves(x)
        invariant = {number: inputs[number] for kind, number in places.value[1] if kind == "invariant"}
        return y, new_state, ScanResiduals(stacked, invariant, places, Template.of(x))

    def backward(self, params: PyTree, residuals: ScanResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        structure, places = residuals.places.value

        def step(dy: PyTree, slices: PyTree) -> tuple[PyTree, PyTree]:
            layer_params, stacked = slices
            sources = {"stacked": stacked, "invariant": residuals.invariant}
            layer_residuals = structure.unflatten(sources[kind][number] for kind, number in places)
            dparams, dx = pull(self.layer, layer_params, layer_residuals, dy)
            return instantiate(dx, residuals.x.tree), dparams

        # A scan's carry keeps its structure, so no cotangent may be None in one step and an array in the next.
        dy = instantiate(dy, residuals.x.tree)
        dx, dparams = lax.scan(step, dy, (params, residuals.stacked), length=self.depth, reverse=True)
        return dparams, dx

    def _require_same_type(self, x: PyTree, y: PyTree) -> None:
        before, after = (jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", tree) for tree in (x, y))
        if before != after:
            raise ValueError(
                f"scan needs a layer that keeps the type of its input, but {self.layer} maps {before} to {after}"
            )


def _without_repetition(residuals: PyTree, x: PyTree, y: PyTree) -> tuple[tuple[jax.Array, ...], Static]:
    """The residuals to stack, each once, and where each residual is to be found.

    While a step is traced the same array is the same tracer, so identity tells what is repeated, and an input that is
    also the output at its place is the same in every step.
    """
    through = zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    invariant = {id(before): number for number, (before, after) in enumerate(through) if before is after}
    stacked: dict[int, tuple[int, jax.Array]] = {}
    places = []
    leaves, structure = jax.tree.flatten(residuals)
    for leaf in leaves:
        if id(leaf) in invariant:
            places.append(("invariant", invariant[id(leaf)]))
        else:
            number, _ = stacked.setdefault(id(leaf), (len(stacked), leaf))
            places.append(("stacked", number))
    return tuple(leaf for _, leaf in stacked.values()), Static((structure, tuple(places)))
