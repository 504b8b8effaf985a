"""An optimizer for each group of parameters, the groups being told by patterns of their paths."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from backprop_jax.optim.combining import require_transform
from backprop_jax.optim.inspection.tree_paths import leaf_paths, map_paths, matches
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.prefix_trees import is_placeholder
from backprop_jax.optim.transform import Transform
from backprop_jax.optim.wrappers.partitioning import PartitionState, partition

DEFAULT = "default"


@dataclass(frozen=True, init=False, repr=False)
class groups(Transform):
    """Give every parameter the optimizer of the first pattern that its path matches, or else the default.

        groups({"*/b|*/scale": sgd(0.1), "head/*": adamw(1e-3), "encoder/*": set_to_zero()}, default=adamw(1e-4))

    Patterns are those of `matching`. Optimizers are ours or optax's; `set_to_zero()` freezes a group. Each sees the
    leaves of its group alone, so that clipping by the global norm inside one is by the norm of the group.

    State:  `PartitionState(inner_states)`, as of `partition`: under each pattern the group's, and under "default".
    Raises: TypeError for a member that is no transform; ValueError at init for a pattern that no leaf matches or that
            earlier ones leave no leaf, and at init and update for a leaf without a group where there is no default.
    """

    optimizers: tuple[tuple[str, Any], ...]  # a tuple, since their order counts
    default: Any = None

    def __init__(self, optimizers: Mapping[str, Any] | Iterable[tuple[str, Any]], default: Any = None) -> None:
        optimizers = dict(optimizers)  # from pairs too: `dataclasses.replace` gives the field
        members = {**optimizers, **({} if default is None else {DEFAULT: default})}
        for pattern, optimizer in members.items():
            if optimizer is None:
                raise TypeError(f"groups: the optimizer of {pattern!r} is None; to freeze the group, set_to_zero()")
            require_transform(optimizer, f"groups: the optimizer of {pattern!r}")
        if default is not None and DEFAULT in optimizers:
            raise ValueError(f'groups: the pattern "{DEFAULT}" and the default would share a name; write "[d]efault"')
        object.__setattr__(self, "optimizers", tuple(optimizers.items()))
        object.__setattr__(self, "default", default)

    def __repr__(self) -> str:
        members = ", ".join(f"{pattern!r}: {optimizer!r}" for pattern, optimizer in self.optimizers)
        return f"groups({{{members}}}{'' if self.default is None else f', default={self.default!r}'})"

    def init(self, params: PyTree) -> PartitionState:
        if not is_placeholder(params):
            self._require_leaves(leaf_paths(params))
        return self.as_partition().init(params)

    def update(
        self, updates: PyTree, state: PartitionState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, PartitionState]:
        return self.as_partition().update(updates, state, params, **extra)

    def as_partition(self) -> partition:
        """The same as a `partition`, in which the patterns are labels."""
        members: dict[Hashable, Any] = dict(self.optimizers)
        if self.default is not None:
            members[DEFAULT] = self.default
        return partition(members, lambda tree: map_paths(lambda path, _: self._pattern_of(path), tree))

    def _pattern_of(self, path: str) -> str:
        for pattern, _ in self.optimizers:
            if matches(path, pattern):
                return pattern
        if self.default is None:
            raise ValueError(
                f"groups: no pattern of {[pattern for pattern, _ in self.optimizers]} matches the parameter {path!r}; "
                "add one, or give a default"
            )
        return DEFAULT

    def _require_leaves(self, paths: list[str]) -> None:
        taken = {self._pattern_of(path) for path in paths}
        for pattern, _ in self.optimizers if paths else ():
            if pattern in taken:
                continue
            if any(matches(path, pattern) for path in paths):
                raise ValueError(f"groups: earlier patterns take all parameters that {pattern!r} matches; put it first")
            near = get_close_matches(pattern, paths, n=4, cutoff=0.0)
            raise ValueError(f"groups: no parameter matches {pattern!r}; near it there are {', '.join(near)}")
