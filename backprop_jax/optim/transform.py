"""The contract of an optimizer, its composition, and the application of its updates."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jax import lax

from backprop_jax.optim.leafwise import PyTree, abs_squared, map_all, widen


class Transform(abc.ABC):
    """A gradient transform: an immutable, hashable value that turns gradients into updates.

        state          = transform.init(params)
        updates, state = transform.update(updates, state, params)

    Subclasses are frozen dataclasses whose fields are hyper-parameters. They hold no arrays of their own, so a
    transform that is built again is equal to the first and, as a static argument of `jax.jit`, does not compile again.

    Laws: `init` reads only shapes and dtypes of `params`; both methods are pure; the new state has the structure,
    shapes and dtypes of the old one; updates keep the dtypes of the gradient; a leaf whose update is None is left
    alone.
    `extra` carries what some transforms need beyond the gradient, such as the loss; the others ignore it.
    """

    @abc.abstractmethod
    def init(self, params: PyTree) -> PyTree:
        """Return the state before the first step. `params` may be arrays or, under `jax.eval_shape`, their shapes."""

    @abc.abstractmethod
    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        """Return the transformed updates and the next state."""


class EmptyState(NamedTuple):
    """The state of a transform that remembers nothing."""


@dataclass(frozen=True)
class identity(Transform):
    """Hand the updates on unchanged. State: none."""

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
            if isinstance(transform, type) or not (hasattr(transform, "init") and hasattr(transform, "update")):
                raise TypeError(
                    f"chain: member {position} is {transform!r}, which is no transform; "
                    "pass the result of calling one, such as scale(0.1), not the function or class itself"
                )
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
        new_state = []
        for transform, member_state in zip(self.transforms, state, strict=True):
            accepted = _accepted_by(transform.update, extra)
            updates, member_state = transform.update(updates, member_state, params, **accepted)
            new_state.append(member_state)
        return updates, tuple(new_state)


def _accepted_by(update: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The part of `extra` that `update` can be called with: optax's plain transforms take none of it."""
    if not extra:
        return extra
    parameters = inspect.signature(update).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return extra
    return {name: value for name, value in extra.items() if name in parameters}


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """Return `params + updates`, in the dtypes of `params`; where the update is None the parameter stays as it is.

    Raises: ValueError, naming the first differing path, if the trees differ in structure or shape.
    """
    _, new_params = map_all(_add, None, updates, params=params)
    return new_params


def _add(update: jax.Array, param: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
    return update, param + update


def global_norm(tree: PyTree) -> jax.Array:
    """The Euclidean norm of all leaves taken as one vector, sqrt(Σ |x|^2), summed in at least float32."""
    squares = (abs_squared(widen(leaf)) for leaf in jax.tree.leaves(tree))
    return lax.sqrt(sum((lax.reduce_sum(square, tuple(range(square.ndim))) for square in squares), 0.0))
