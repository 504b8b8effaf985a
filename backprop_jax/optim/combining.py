"""Put transforms one after another."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import EmptyState, Leafwise, Transform, update_together


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

    transforms: tuple[Any, ...]

    def __init__(self, *transforms: Any) -> None:
        for position, transform in enumerate(transforms):
            require_transform(transform, f"chain: member {position}")
        object.__setattr__(self, "transforms", transforms)

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self.transforms))})"

    @property
    def elementwise(self) -> bool:  # type: ignore[override]
        return all(getattr(transform, "elementwise", False) for transform in self.transforms)

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
        for start, stop in self._passes():
            members, states = self.transforms[start:stop], tuple(state[start:stop])
            if isinstance(members[0], Leafwise):
                updates, new_states = update_together(members, updates, states, params, extra)
                new_state += new_states
            else:
                updates, new_member_state = update_with_extra(members[0], updates, states[0], params, extra)
                new_state.append(new_member_state)
        return updates, tuple(new_state)

    def _passes(self) -> Iterator[tuple[int, int]]:
        """Where each pass over the leaves starts and stops: neighbours that are leafwise share one."""
        starts = [
            position
            for position, transform in enumerate(self.transforms)
            if position == 0
            or not isinstance(transform, Leafwise)
            or transform.reads_all_updates
            or not isinstance(self.transforms[position - 1], Leafwise)
        ]
        return pairwise([*starts, len(self.transforms)])


def require_transform(value: Any, what: str) -> None:
    """Raise TypeError if `value` is no transform, neither ours nor optax's."""
    if isinstance(value, type) or not (hasattr(value, "init") and hasattr(value, "update")):
        raise TypeError(
            f"{what} is {value!r}, which is no transform; "
            "pass the result of calling one, such as scale(0.1), not the function or class itself"
        )


def update_with_extra(
    transform: Any, updates: PyTree, state: PyTree, params: PyTree, extra: dict[str, Any]
) -> tuple[PyTree, PyTree]:
    """Call the update of any transform, with the part of `extra` that it can take: optax's plain ones take none."""
    return transform.update(updates, state, params, **_accepted_by(transform.update, extra))


def _accepted_by(update: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    if not extra:
        return extra
    parameters = inspect.signature(update).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return extra
    return {name: value for name, value in extra.items() if name in parameters}
