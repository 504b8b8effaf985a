"""Read the hyper-parameters of an optimizer or a state, and change them in mid-training without compiling again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from backprop_jax.optim.inspection.hyperparameter_fields import (
    hyperparams_in,
    is_number,
    is_value,
    replace_hyperparams,
    require_known,
)
from backprop_jax.optim.leafwise import PyTree


class HyperparamsState(NamedTuple):
    """A transform's state, and the values that take the place of its hyper-parameters of those names."""

    hyperparams: dict[str, jax.Array]
    inner_state: PyTree


def hyperparams(optimizer_or_state: Any) -> dict[str, Any]:
    """The hyper-parameters of an optimizer, by name, in the order in which it prints them; or those a state carries.

    They are the fields of its transforms that hold a number (sizes, declared as int, left out) or a schedule, under the
    names that its repr shows: `sgd(0.1, momentum=0.9)` has a `decay`. A name that several transforms have with
    different values comes with a tuple of those.
    A state carries what `with_hyperparams` or `inject_hyperparams` put into it or a part of it; a fresh one nothing.

    Raises: TypeError for an optimizer of optax, whose closures hide them; one inside ours adds nothing.
    """
    found: dict[str, list[Any]] = {}
    if is_value(optimizer_or_state):
        items = hyperparams_in(optimizer_or_state)
    elif _is_optimizer(optimizer_or_state):
        raise TypeError(f"hyperparams: {optimizer_or_state!r} hides its hyper-parameters; make it with our functions")
    else:
        items = _carried_by(optimizer_or_state)
    for name, value in items:
        values = found.setdefault(name, [])
        if not any(_is_same(value, other) for other in values):
            values.append(value)
    return {name: values[0] if len(values) == 1 else tuple(values) for name, values in found.items()}


def with_hyperparams(state: PyTree, **values: Any) -> PyTree:
    """The state of one of our transforms, with values that its update uses in place of the transform's own.

    Every transform inside that has a hyper-parameter of that name uses the value, also where it had a schedule. To
    change it for one group or member alone, do this with that part of the state; a part's value goes before that of
    the whole. What the state or a part of it carries already is replaced there, also what `inject_hyperparams` put
    there, and keeps dtype and sharding: nothing compiles again. A value that is new changes the structure of the state,
    so that the next step compiles once. Python numbers become arrays of the default floating-point dtype, arrays keep
    theirs.

    State:  `HyperparamsState(hyperparams, inner_state)`.
    Raises: TypeError for what is no state, or a value that is no number; ValueError for a name that no transform has,
            at update, or here where `inject_hyperparams` made the state.
    """
    if _is_optimizer(state):
        raise TypeError(f"with_hyperparams: {state!r} is no state; to change an optimizer, use replace_hyperparams")
    carried = dict(_carried_by(state))
    if _carries(state) and not isinstance(state, HyperparamsState):
        require_known("with_hyperparams", values, carried)
    state = _set_carried(state, values)
    new = {name: _as_array(name, value) for name, value in values.items() if name not in carried}
    if new and not isinstance(state, HyperparamsState):
        state = HyperparamsState({}, state)
    return state._replace(hyperparams=state.hyperparams | new) if new else state


def takes_hyperparams(update: Callable[..., Any]) -> Callable[..., Any]:
    """The update of a transform, for which what the state carries replaces the transform's own hyper-parameters."""

    @wraps(update)
    def update_with_carried(
        self: Any, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        if not isinstance(state, HyperparamsState):
            return update(self, updates, state, params, **extra)
        changed = replace_hyperparams(self, **state.hyperparams)
        updates, inner_state = update(changed, updates, state.inner_state, params, **extra)
        return updates, state._replace(inner_state=inner_state)

    return update_with_carried


def _is_optimizer(value: Any) -> bool:
    return hasattr(value, "init") and hasattr(value, "update")


def _carries(node: Any) -> bool:
    return isinstance(node, tuple) and {"hyperparams", "inner_state"} <= set(getattr(node, "_fields", ()))


def _carried_by(state: PyTree) -> Iterator[tuple[str, Any]]:
    for node in jax.tree.leaves(state, is_leaf=_carries):
        if _carries(node):
            yield from node.hyperparams.items()
            yield from _carried_by(node.inner_state)


def _set_carried(state: PyTree, values: dict[str, Any]) -> PyTree:
    def set_in(node: Any) -> Any:
        if not _carries(node):
            return node
        new = {
            name: _as_array(name, values[name], node.hyperparams[name]) for name in values if name in node.hyperparams
        }
        return node._replace(hyperparams=node.hyperparams | new, inner_state=_set_carried(node.inner_state, values))

    return jax.tree.map(set_in, state, is_leaf=_carries)


def _is_same(value: Any, other: Any) -> bool:
    """Of arrays, which may be traced, only each with itself; of the rest, what prints alike is alike."""
    are_arrays = isinstance(value, np.ndarray | jax.Array) or isinstance(other, np.ndarray | jax.Array)
    return value is other or (not are_arrays and repr(value) == repr(other))


def _as_array(name: str, value: Any, old: Any = None) -> jax.Array:
    if not is_number(value):
        raise TypeError(f"with_hyperparams: {name} must be a number, got {value!r}; give schedules to the optimizer")
    # Of a strong type: a weak one would be another after the first step. And a copy: the step may donate the state.
    new = jnp.array(value, jax.dtypes.canonicalize_dtype(getattr(value if old is None else old, "dtype", float)))
    if isinstance(new, Tracer) or not getattr(old, "committed", False):
        return new
    return jax.device_put(new, old.sharding)  # type: ignore[union-attr]
