"""Put transforms one after another."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from backprop_jax.optim.inspection.changing import HyperparamsState
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import EmptyState, Leafwise, Transform, elementwise_if, update_together


@dataclass(frozen=True)
class identity(Transform):
    """Hand the updates on unchanged. State: none."""

    elementwise = True

    def init(self, params: PyTree) -> EmptyState:
        return EmptyState()

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        return updates, state


@dataclass(frozen=True, init=False, repr=False)
class chain(Transform):
    """Apply transforms one after another: what the first returns is the second's input.

    Members are ours, optax's, or any object with `init` and `update`. `extra` reaches every member that can take it.

    State:  the tuple of the members' states.
    Raises: TypeError for a member without `init` and `update`; ValueError for a state of another length.
    """

    elementwise = elementwise_if(lambda self: all(map(is_elementwise, self.transforms)))

    transforms: tuple[Any, ...]

    def __init__(self, *transforms: Any) -> None:
        for position, transform in enumerate(transforms):
            require_transform(transform, f"chain: member {position}")
        object.__setattr__(self, "transforms", transforms)

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self.transforms))})"

    def init(self, params: PyTree) -> tuple[PyTree, ...]:
        return tuple(transform.init(params) for transform in self.transforms)

    def update(
        self, updates: PyTree, state: tuple[PyTree, ...], params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, tuple[PyTree, ...]]:
        if len(state) != len(self.transforms):
            raise ValueError(
                f"chain: {len(self.transforms)} transforms were given a state of length {len(state)}; "
                "pass the state that this chain's init made"
            )
        new_state: list[PyTree] = []
        for start, stop in self._passes(state):
            members, states = self.transforms[start:stop], tuple(state[start:stop])
            if _can_share(members[0], states[0]):
                updates, new_states = update_together(members, updates, states, params, extra)
                new_state += new_states
            else:
                updates, new_member_state = update_with_extra(members[0], updates, states[0], params, extra)
                new_state.append(new_member_state)
        return updates, tuple(new_state)

    def _passes(self, state: tuple[PyTree, ...]) -> Iterator[tuple[int, int]]:
        """Where each pass over the leaves starts and stops: neighbours that are leafwise share one."""
        can_share = [_can_share(*pair) for pair in zip(self.transforms, state, strict=True)]
        starts = [
            position
            for position, transform in enumerate(self.transforms)
            if position == 0 or not can_share[position] or transform.reads_all_updates or not can_share[position - 1]
        ]
        return pairwise([*starts, len(self.transforms)])


def _can_share(transform: Any, state: PyTree) -> bool:
    """Whether a pass over the leaves can be shared: a state that carries hyper-parameters is for `update` to open."""
    return isinstance(transform, Leafwise) and not isinstance(state, HyperparamsState)


@dataclass(frozen=True, init=False, repr=False)
class named_chain(Transform):
    """Apply transforms one after another, as `chain`, each given as a pair (name, transform).

    State:  an `OrderedDict` from the names to the members' states.
    Raises: TypeError for a member that is no such pair; ValueError for a name given twice, or a state of other names.
    """

    elementwise = elementwise_if(lambda self: self._unnamed.elementwise)

    transforms: tuple[tuple[str, Any], ...]

    def __init__(self, *args: tuple[str, Any]) -> None:
        for position, pair in enumerate(args):
            # By type: an optimizer of ours calls itself an optax one, which is a tuple.
            if not issubclass(type(pair), tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
                raise TypeError(f"named_chain: member {position} is {pair!r}; pass pairs (name, transform)")
            require_transform(pair[1], f"named_chain: member {pair[0]!r}")
        names = [name for name, _ in args]
        if len(set(names)) < len(names):
            raise ValueError(f"named_chain: every name must be another, got {names}")
        object.__setattr__(self, "transforms", tuple((name, transform) for name, transform in args))

    def __repr__(self) -> str:
        return f"named_chain({', '.join(map(repr, self.transforms))})"

    @property
    def _unnamed(self) -> chain:
        return chain(*(transform for _, transform in self.transforms))

    def init(self, params: PyTree) -> OrderedDict[str, PyTree]:
        return self._named(self._unnamed.init(params))

    def update(
        self, updates: PyTree, state: OrderedDict[str, PyTree], params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, OrderedDict[str, PyTree]]:
        if state.keys() != dict(self.transforms).keys():
            raise ValueError(
                f"named_chain: the state has the names {list(state)}, the transforms {list(dict(self.transforms))}; "
                "pass the state that this chain's init made"
            )
        states = tuple(state[name] for name, _ in self.transforms)
        updates, new_states = self._unnamed.update(updates, states, params, **extra)
        return updates, self._named(new_states)

    def _named(self, states: tuple[PyTree, ...]) -> OrderedDict[str, PyTree]:
        return OrderedDict((name, state) for (name, _), state in zip(self.transforms, states, strict=True))


def require_transform(value: Any, what: str) -> None:
    """Raise TypeError if `value` is no transform, neither ours nor optax's."""
    if isinstance(value, type) or not (hasattr(value, "init") and hasattr(value, "update")):
        raise TypeError(
            f"{what} is {value!r}, which is no transform; "
            "pass the result of calling one, such as scale(0.1), not the function or class itself"
        )


def is_elementwise(transform: Any) -> bool:
    """Whether a transform says that it is elementwise: one that is not ours does not tell."""
    return getattr(transform, "elementwise", False)


def update_with_extra(
    transform: Any, updates: PyTree, state: PyTree, params: PyTree, extra: dict[str, Any]
) -> tuple[PyTree, PyTree]:
    """Call the update of any transform, with the part of `extra` that it can take: optax's plain ones take none."""
    return transform.update(updates, state, params, **accepted_by(transform.update, extra))


def accepted_by(function: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The part of `extra` that a function can take as keyword arguments."""
    if not extra:
        return extra
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return extra
    return {name: value for name, value in extra.items() if name in parameters}
