"""Apply different transforms to different leaves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.combining import require_transform
from backprop_jax.optim.hyperparameters import hash_of
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.prefix_trees import fit_prefix, is_function, is_placeholder
from backprop_jax.optim.transform import Transform
from backprop_jax.optim.wrappers.masking import MaskedState, masked


class PartitionState(NamedTuple):
    """For every label the state of its transform, in a `MaskedState`."""

    inner_states: Mapping[Hashable, MaskedState]


@dataclass(frozen=True)
class partition(Transform):
    """Apply to every leaf the transform that its label names.

    `param_labels` is a tree of labels, keys of `transforms`, with the structure of the parameters or a prefix of it, or
    a function from the parameters (at update: from the updates) to such a tree. With `mask_compatible_extra_args`, of
    extra arguments that have the structure of the updates each transform sees its own leaves only.

    State:  `PartitionState(inner_states)`.
    Raises: TypeError if a value of `transforms` is no transform; ValueError at init and update if the labels do not fit
            or one has no transform.
    """

    transforms: Mapping[Any, Any]
    param_labels: PyTree | Callable[[PyTree], PyTree]
    _: KW_ONLY
    mask_compatible_extra_args: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.transforms, Mapping):
            raise TypeError(f"partition: transforms must map labels to transforms, got {self.transforms!r}")
        for label, transform in self.transforms.items():
            require_transform(transform, f"partition: the transform of {label!r}")
        object.__setattr__(self, "transforms", dict(self.transforms))
        if not is_function(self.param_labels):
            # A copy: the labels of a value must not change.
            object.__setattr__(self, "param_labels", jax.tree.map(lambda label: label, self.param_labels))

    def __hash__(self) -> int:
        return hash_of(frozenset(self.transforms.items()), self.param_labels, self.mask_compatible_extra_args)

    def init(self, params: PyTree) -> PartitionState:
        # A placeholder is not masked, so it needs no labels.
        parts = self._parts(None) if is_placeholder(params) else self._parts_of(params)
        return PartitionState(inner_states={label: part.init(params) for label, part in parts.items()})

    def update(
        self, updates: PyTree, state: PartitionState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, PartitionState]:
        if state.inner_states.keys() != self.transforms.keys():
            raise ValueError(
                f"partition: the state is of the labels {list(state.inner_states)}, the transforms of "
                f"{list(self.transforms)}; pass the state that this partition's init made"
            )
        inner_states = {}
        for label, part in self._parts_of(updates).items():
            updates, inner_states[label] = part.update(updates, state.inner_states[label], params, **extra)
        return updates, state._replace(inner_states=inner_states)

    def _parts_of(self, updates: PyTree) -> dict[Hashable, masked]:
        labels = fit_prefix(self.param_labels, updates, "partition: param_labels")
        unknown = [label for label in jax.tree.leaves(labels) if not _is_key(label, self.transforms)]
        if unknown:
            raise ValueError(
                f"partition: the labels {unknown} have no transform; transforms has {list(self.transforms)}"
            )
        return self._parts(labels)

    def _parts(self, labels: PyTree) -> dict[Hashable, masked]:
        return {
            key: masked(
                transform,
                jax.tree.map(lambda label, key=key: label == key, labels),
                mask_compatible_extra_args=self.mask_compatible_extra_args,
            )
            for key, transform in self.transforms.items()
        }


multi_transform = partition


def _is_key(label: Any, transforms: Mapping[Hashable, Any]) -> bool:
    try:
        return label in transforms
    except TypeError:  # an array, say, has no hash
        return False
