"""Measure updates on their way through a chain, and keep the measurements in the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.combining import update_with_extra
from backprop_jax.optim.directions.averaging import EmaState, ema
from backprop_jax.optim.hyperparameters import Scalar, dtype_name, hash_of
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import EmptyState, Transform
from backprop_jax.optim.wrappers.state_types import evaluate, keep_types, strong

Measure = Callable[[PyTree], PyTree]


class SnapshotState(NamedTuple):
    """The last measurement, by its name."""

    measurement: dict[str, PyTree]


@dataclass(frozen=True)
class snapshot(Transform):
    """Keep `measure(updates)` in the state, and hand the updates on unchanged.

    State:  `SnapshotState(measurement)`: a dict with the one key `measure_name`; at init the measure of the parameters.
    """

    measure_name: str
    measure: Measure

    def init(self, params: PyTree) -> SnapshotState:
        return SnapshotState({self.measure_name: strong(evaluate(self.measure, params))})

    def update(
        self, updates: PyTree, state: SnapshotState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, SnapshotState]:
        measurement = keep_types({self.measure_name: self.measure(updates)}, state.measurement)
        return updates, state._replace(measurement=measurement)


class MonitorState(NamedTuple):
    """The last measurements by their names, and the states of what measures."""

    measurements: dict[str, PyTree]
    measure_states: tuple[PyTree, ...]


@dataclass(frozen=True)
class monitor(Transform):
    """Keep several measurements in the state, and hand the updates on unchanged.

    A measure is a function of the updates, or a transform, such as `measure_with_ema`, whose updates are measurements.
    Where there is `extra`, transforms are given it.

    State:  `MonitorState(measurements, measure_states)`: measurements are zero at init, so that the state keeps its
            structure; optax has none there.
    """

    measures: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        # The order is that of the states, and dicts that differ in it are equal.
        return isinstance(other, monitor) and list(self.measures.items()) == list(other.measures.items())

    def __hash__(self) -> int:
        return hash_of(self.measures)

    def init(self, params: PyTree) -> MonitorState:
        states = tuple(EmptyState() if callable(m) else m.init(params) for m in self.measures.values())
        shapes = jax.eval_shape(lambda params, states: self._measure(params, states, params, {})[0], params, states)
        return MonitorState(jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes), states)

    def update(
        self, updates: PyTree, state: MonitorState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, MonitorState]:
        measurements, states = self._measure(updates, state.measure_states, params, extra)
        measurements = keep_types(measurements, state.measurements or measurements)
        return updates, state._replace(measurements=measurements, measure_states=states)

    def _measure(
        self, updates: PyTree, states: tuple[PyTree, ...], params: PyTree, extra: dict[str, Any]
    ) -> tuple[dict[str, PyTree], tuple[PyTree, ...]]:
        measurements, new_states = {}, []
        for (name, measure), state in zip(self.measures.items(), states, strict=True):
            if callable(measure):
                measurements[name] = measure(updates)
            else:
                measurements[name], state = update_with_extra(measure, updates, state, params, extra)
            new_states.append(state)
        return measurements, tuple(new_states)


@dataclass(frozen=True)
class measure_with_ema(Transform):
    """For `monitor`: the exponential average of `measure(updates)`, which takes the place of the updates.

        m <- decay m + (1 - decay) measure(g),   u = m, or with debias u = m / (1 - decay^t)

    Bools and whole numbers are averaged as float32.

    State:  `(EmptyState(), EmaState(count, ema))`: count int32; ema like the measure of the parameters, in
            `accumulator_dtype` if given.
    Raises: ValueError if decay is outside [0, 1).
    """

    measure: Measure
    decay: Scalar
    debias: bool = True
    accumulator_dtype: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "accumulator_dtype", dtype_name(self, "accumulator_dtype"))
        self._average()

    def init(self, params: PyTree) -> tuple[EmptyState, EmaState]:
        return EmptyState(), self._average().init(evaluate(self._measure, params))

    def update(
        self, updates: PyTree, state: tuple[EmptyState, EmaState], params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, tuple[EmptyState, EmaState]]:
        stateless, average = state
        measurement, average = self._average().update(self._measure(updates), average)
        return measurement, (stateless, average)

    def _average(self) -> ema:
        return ema(self.decay, self.debias, self.accumulator_dtype)

    def _measure(self, updates: PyTree) -> PyTree:
        return jax.tree.map(_as_float, self.measure(updates))


def _as_float(measurement: Any) -> jax.Array:
    dtype = jnp.result_type(measurement)
    return lax.convert_element_type(measurement, dtype if jnp.issubdtype(dtype, jnp.inexact) else jnp.float32)
