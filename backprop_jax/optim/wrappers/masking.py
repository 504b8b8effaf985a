"""Apply a transform to a part of the leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import hash_of
from backprop_jax.optim.leafwise import PyTree, is_none
from backprop_jax.optim.prefix_trees import fit_prefix, is_function, is_placeholder
from backprop_jax.optim.transform import Transform, elementwise_if


class MaskedState(NamedTuple):
    """The state of a transform that acts on a part of the leaves only."""

    inner_state: PyTree


class MaskedNode(NamedTuple("MaskedNode", [])):  # type: ignore[misc]
    """Stands where a leaf is hidden from a transform: a node without leaves, which `jax.tree.map` passes over."""

    __slots__ = ()

    # So that `isinstance(node, optax.MaskedNode)`, which optax asks its users to write, finds ours too.
    @property
    def __class__(self) -> type:
        optax = sys.modules.get("optax")
        return type(self) if optax is None else optax.MaskedNode

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


@dataclass(frozen=True)
class masked(Transform):
    """Apply a transform where the mask is true, and hand the other updates on unchanged.

    `mask` is a tree of bools with the structure of the parameters or a prefix of it, or a function from the parameters
    (at update: from the updates) to such a tree. What is hidden from `inner` has no state: a `MaskedNode` stands there.
    With `mask_compatible_extra_args`, extra arguments that have the structure of the updates are masked too.

    State:  `MaskedState(inner_state)`.
    Raises: TypeError if `inner` is no transform or a leaf of the mask is no bool; ValueError at init and update if the
            mask does not fit.
    """

    # Only with one bool for all: another mask does not fit leaves that are laid end to end.
    elementwise = elementwise_if(lambda self: isinstance(self.mask, bool) and is_elementwise(self.inner))

    inner: Any
    mask: PyTree | Callable[[PyTree], PyTree]
    _: KW_ONLY
    mask_compatible_extra_args: bool = False

    def __post_init__(self) -> None:
        require_transform(self.inner, "masked: inner")
        if not is_function(self.mask):
            # Arrays of one bool, which have no hash, become bools; and nobody else holds this tree.
            object.__setattr__(self, "mask", jax.tree.map(_as_bool, self.mask))

    def __hash__(self) -> int:
        return hash_of(self.inner, self.mask, self.mask_compatible_extra_args)

    def init(self, params: PyTree) -> MaskedState:
        if not is_placeholder(params):
            params = _hide(self._mask_for(params), params, MaskedNode)
        return MaskedState(inner_state=self.inner.init(params))

    def update(
        self, updates: PyTree, state: MaskedState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, MaskedState]:
        mask = self._mask_for(updates)
        # A state that optax made holds optax's nodes, and those of the updates must be of the same class.
        node = getattr(sys.modules[type(state).__module__], "MaskedNode", MaskedNode)
        if self.mask_compatible_extra_args:
            structure = jax.tree.structure(updates)
            extra = {
                name: _hide(mask, value, node) if jax.tree.structure(value) == structure else value
                for name, value in extra.items()
            }
        shown_params = None if params is None else _hide(mask, params, node)
        shown, inner_state = update_with_extra(
            self.inner, _hide(mask, updates, node), state.inner_state, shown_params, extra
        )
        return _where_hidden(mask, lambda _, old: old, shown, updates), state._replace(inner_state=inner_state)

    def _mask_for(self, updates: PyTree) -> PyTree:
        return jax.tree.map(_as_bool, fit_prefix(self.mask, updates, "masked: mask"))


def _hide(mask: PyTree, tree: PyTree, node: Callable[[], Any]) -> PyTree:
    return _where_hidden(mask, lambda _: node(), tree)


def _where_hidden(mask: PyTree, make: Callable[..., Any], *trees: PyTree) -> PyTree:
    """The first tree, with `make(parts of all trees)` in place of its parts where the mask is false."""

    def choose(flag: bool | None, *parts: PyTree) -> PyTree:
        return make(*parts) if flag is False else parts[0]

    return jax.tree.map(choose, mask, *trees, is_leaf=is_none)


def _as_bool(flag: Any) -> bool:
    array = np.asarray(flag)
    if array.shape or array.dtype.kind not in "biu":
        raise TypeError(f"masked: mask has the leaf {flag!r}, which is no bool; give True or False for every leaf")
    return bool(array)
