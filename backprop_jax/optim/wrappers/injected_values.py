"""A transform that is made anew at every step, of hyper-parameters that stand in its state."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import hash_of
from backprop_jax.optim.inspection.hyperparameter_fields import is_number
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.schedules.stateful import StatefulSchedule, WrappedSchedule
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.state_types import strong

if TYPE_CHECKING:
    from backprop_jax.optim.wrappers.injection import inject_hyperparams


class InjectHyperparamsState(NamedTuple):
    """The state that optax's `inject_hyperparams` had before 0.1.9; nothing here makes one."""

    count: jax.Array
    hyperparams: dict[str, Any]
    inner_state: PyTree


class InjectStatefulHyperparamsState(NamedTuple):
    """Steps taken, the values of the hyper-parameters by name, the states of the schedules, and the inner state."""

    count: jax.Array
    hyperparams: dict[str, Any]
    hyperparams_states: dict[str, PyTree]
    inner_state: PyTree


@dataclass(frozen=True, repr=False)
class Injected(Transform):
    """What `injector(**arguments)` returns, where `injector` is `inject_hyperparams(inner_factory)`."""

    elementwise = elementwise_if(lambda self: is_elementwise(self._inner(self._first_values(jnp.float32))))

    injector: inject_hyperparams
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.injector!r}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"

    def __hash__(self) -> int:
        return hash_of(self.injector, self.arguments)

    @property
    def hyperparams(self) -> dict[str, Any]:
        """The arguments that are numbers or schedules: what `optim.hyperparams` shows."""
        return {name: value for name, value in self._candidates() if callable(value) or is_number(value)}

    def init(self, params: PyTree) -> InjectStatefulHyperparamsState:
        values = self._first_values(self._dtype_for(params))
        return InjectStatefulHyperparamsState(
            count=first_count(),
            hyperparams=values,
            hyperparams_states={name: schedule.init() for name, schedule in self._schedules.items()},
            inner_state=self._inner(values).init(params),
        )

    def update(
        self, updates: PyTree, state: InjectStatefulHyperparamsState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, InjectStatefulHyperparamsState]:
        dtype = self._dtype_for(updates if params is None else params)
        schedules, states = self._schedules, state.hyperparams_states
        scheduled = {name: schedule(states[name], **extra) for name, schedule in schedules.items()}
        values = {name: _as_array(value, dtype) for name, value in {**state.hyperparams, **scheduled}.items()}
        updates, inner_state = update_with_extra(self._inner(values), updates, state.inner_state, params, extra)
        return updates, state._replace(
            count=safe_increment(state.count),
            hyperparams=values,
            hyperparams_states={name: schedule.update(states[name], **extra) for name, schedule in schedules.items()},
            inner_state=inner_state,
        )

    def _candidates(self) -> Iterator[tuple[str, Any]]:
        """The arguments, defaults too, that may be hyper-parameters."""
        parameters = inspect.signature(self.injector.inner_factory).parameters
        defaults = {p.name: p.default for p in parameters.values() if p.default is not p.empty}
        static = {*self.injector.static_args, *(p.name for p in parameters.values() if _is_static(p.annotation))}
        for name, value in {**defaults, **self.arguments}.items():
            # A class, such as jnp.float32, can be called but is no schedule.
            if name not in static and not isinstance(value, bool | type):
                yield name, value

    @property
    def _schedules(self) -> dict[str, StatefulSchedule]:
        return {
            name: value if isinstance(value, StatefulSchedule) else WrappedSchedule(value)
            for name, value in self._candidates()
            if callable(value)
        }

    def _first_values(self, dtype: Any) -> dict[str, jax.Array]:
        numbers = {
            name: value for name, value in self._candidates() if isinstance(value, int | float | np.ndarray | jax.Array)
        }
        scheduled = {name: schedule(schedule.init()) for name, schedule in self._schedules.items()}
        return {name: _as_array(value, dtype) for name, value in {**numbers, **scheduled}.items()}

    def _dtype_for(self, params: PyTree) -> Any:
        """The dtype of float hyper-parameters: the real part's, if parameters are complex."""
        if self.injector.hyperparam_dtype is not None:
            return self.injector.hyperparam_dtype
        highest = jnp.result_type(*[jnp.result_type(leaf) for leaf in jax.tree.leaves(params)] or [float])
        return jnp.finfo(highest).dtype if jnp.issubdtype(highest, jnp.inexact) else jnp.result_type(float)

    def _inner(self, values: dict[str, jax.Array]) -> Any:
        factory = self.injector.inner_factory
        transform = factory(**{**self.arguments, **values})
        require_transform(transform, f"inject_hyperparams: what {name_of(factory)} returns")
        return transform


def _is_static(annotation: Any) -> bool:
    """Whether a parameter of this annotation is a size, on which shapes depend, or a function that is no schedule."""
    is_function = isinstance(annotation, str) and annotation.startswith("Callable")
    return is_function or annotation in (int, int | None, "int", "int | None")


def _as_array(value: Any, dtype: Any) -> jax.Array:
    """`value` as an array, in `dtype` if it is a float of no dtype of its own."""
    own = getattr(value, "dtype", type(value))
    has_own = isinstance(value, jax.Array) and not getattr(value, "weak_type", False)
    is_float = jnp.issubdtype(own, jnp.floating) and not has_own
    return strong(jnp.asarray(value, dtype if is_float else None))


def name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))
