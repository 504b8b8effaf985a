"""What one batch tells of each layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.combinators.scan import Scan
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.paths import by_path
from backprop_jax.core.rewrite import rewrite_leaves, rewrite_with_path
from backprop_jax.doctor.rows import LayerHealth
from backprop_jax.harvest.diagnosis import LayerTaps, Taps, with_taps
from backprop_jax.layers import HardSigmoid, HardTanh, Sigmoid, Tanh
from backprop_jax.optim.combining import update_with_extra
from backprop_jax.train.step import GradientTransform, Training

__all__ = ["checkup"]

# The layers whose slope ends on both sides, and the largest slope of each.
STEEPEST = {Sigmoid: 0.25, Tanh: 1.0, HardSigmoid: 1 / 6, HardTanh: 1.0}
NO_HISTOGRAM = Taps(sample=1)  # which nobody reads
FLAT = 0.05  # of the largest slope: |tanh x| above 0.975, a sigmoid below 0.013 or above 0.987


def checkup(
    objective: Layer, optimizer: GradientTransform | None, training: Training, batch: PyTree, epoch: int = 0
) -> tuple[LayerHealth, ...]:
    """What flows through each layer and back, and what the optimizer would do, on one batch in train mode.

    `training` is read, not changed. One row a layer, in the order of the model; one for each layer that a scan stacks.
    Without an optimizer nothing is told of updates. A unit counts as dead if it is 0 for all examples of the batch: use
    64 or more.

    Shapes:   batch as for a step of training, by one compiled program.
    Raises:   as the objective and the optimizer; an optimizer that asks for `extra` cannot be tried here: give None.
    """
    seen: _Seen = jax.device_get(_look(objective, optimizer, training, batch))
    paths: dict[str, None] = {}
    scans: list[str] = []

    def note(path: str, part: Layer) -> Layer:
        paths.setdefault(path)
        if isinstance(part, Scan):
            scans.append(path)
        return part

    rewrite_with_path(objective, note)  # under jit dicts come out sorted
    told = [path for path in dict.fromkeys([*paths, *seen.weight]) if path in seen.taps or path in seen.weight]
    first = next((place for place, path in enumerate(told) if path in seen.weight), 0)
    rows: list[LayerHealth] = []
    # All layers of a block before those of the next, as they run.
    for _, block in groupby(enumerate(told), lambda entry: _outermost(entry[1], scans)):
        found = [row for number, path in block for row in _rows(path, seen, number > first, epoch)]
        rows += (row for _, row in sorted(found, key=lambda entry: entry[0]))
    return tuple(rows)


class _Seen(NamedTuple):
    taps: dict[str, LayerTaps]
    saturated: dict[str, Any]
    weight: dict[str, Any]
    gradient: dict[str, Any]
    update: dict[str, Any]


@partial(jax.jit, static_argnums=(0, 1))
def _look(objective: Layer, optimizer: Any, training: Training, batch: PyTree) -> _Seen:
    params, state, optimizer_state = training
    watched = rewrite_leaves(objective, lambda _, layer: _Watched(layer) if type(layer) in STEEPEST else layer)
    _, like = jax.eval_shape(watched.init, jax.random.key(0), batch)
    nodes, structure = jax.tree.flatten(like, is_leaf=_is_flat)

    def place(node: Any, own: PyTree) -> PyTree:
        return _Flat(jnp.zeros(node.fraction.shape)) if _is_flat(node) else own

    filled = structure.unflatten(map(place, nodes, structure.flatten_up_to(state)))
    (loss, after), gradient, taps = with_taps(watched, NO_HISTOGRAM)(params, filled, batch)
    saturated = {name: node.fraction for name, node in by_path(after, _is_flat).items() if _is_flat(node)}
    stacks = {path: np.ndim(tap.activation.values) for path, tap in taps.items()}
    update = {}
    if optimizer is not None:
        extra = {"value": loss, "grad": gradient, "value_fn": lambda at: objective.forward(at, state, batch)[0]}
        update = _norms(update_with_extra(optimizer, gradient, optimizer_state, params, extra)[0], stacks)
    return _Seen(taps, saturated, _norms(params, stacks), _norms(gradient, stacks), update)


def _norms(tree: PyTree, stacks: dict[str, int]) -> dict[str, jax.Array]:
    """Of all that belongs to a layer; stacked layers, of which `stacks` tells the axes, have a norm each."""
    squares: dict[str, jax.Array] = {}
    for name, leaf in by_path(tree).items():
        path = name.rpartition("/")[0]
        # A layer that is tapped as a whole may hold its parameters deeper down.
        owner = next((taps for taps in _outward(path) if taps in stacks), path)
        axes = tuple(range(stacks.get(owner, 0), leaf.ndim))
        squares[owner] = squares.get(owner, 0) + jnp.sum(jnp.square(leaf.astype(jnp.float32)), axes)
    return {path: jnp.sqrt(square) for path, square in squares.items()}


def _outward(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""


def _outermost(path: str, scans: list[str]) -> str | None:
    """That of the scan which the layer is in, if it is in one."""
    around = [scan for scan in scans if not scan or path == scan or path.startswith(f"{scan}/")]
    return min(around, key=len, default=None)


def _rows(path: str, seen: _Seen, is_behind: bool, epoch: int) -> Iterator[tuple[tuple[int, ...], LayerHealth]]:
    """One for the layer, or one for each that a scan stacks, with its place there."""
    tap, weight = seen.taps.get(path), seen.weight.get(path)
    units = tap is not None and weight is None and is_behind

    def told(values: Any, place: tuple[int, ...]) -> float:
        return float("nan") if values is None else float(values[place])

    shape = np.shape(weight) if tap is None else np.shape(tap.activation.values)  # type: ignore[arg-type]
    for place in np.ndindex(shape):
        at = [None if flow is None or not told(flow.values, place) else flow for flow in tap or (None, None)]
        row = LayerHealth(
            epoch,
            f"{path or '.'}{list(place) if place else ''}",
            activation=told(at[0] and at[0].norm / np.sqrt(at[0].values), place),
            cotangent=told(at[1] and at[1].norm, place),
            dead=told(at[0].dead if at[0] and units else None, place),
            saturated=told(seen.saturated.get(path), place),
            weight=told(weight, place),
            gradient=told(seen.gradient.get(path), place),
            update=told(seen.update.get(path), place),
        )
        yield place, row


class _Flat(NamedTuple):
    """The state of a layer that is watched."""

    fraction: jax.Array  # of its outputs


def _is_flat(node: Any) -> bool:
    return isinstance(node, _Flat)


@dataclass(frozen=True)
class _Watched(Layer):
    """An activation whose state tells at how much of its output it is flat.

    Params:   none.   State: `_Flat(fraction)`.   Saves, backward: those of the activation.
    """

    layer: Any

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return (), _Flat(jnp.zeros(()))

    def forward(self, params: PyTree, state: _Flat, x: PyTree) -> tuple[PyTree, _Flat, PyTree]:
        y, _, residuals = self.layer.forward(params, (), x)
        slope = self.layer.derivative(residuals if residuals.dtype == bool else residuals.astype(jnp.float32))
        flat = jnp.mean((slope < FLAT * STEEPEST[type(self.layer)]).astype(jnp.float32))
        return y, _Flat(flat), residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.backward(params, residuals, dy)
