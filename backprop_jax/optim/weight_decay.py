"""Weight decay, decoupled from the gradient's own rescaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree, map_updates
from backprop_jax.optim.schedules import ScalarOrSchedule
from backprop_jax.optim.step_count import first_count, next_count
from backprop_jax.optim.transform import EmptyState, Transform


class WeightDecaySchedule(NamedTuple):
    """Steps taken, where the weight decay is a schedule."""

    count: jax.Array


class MaskedState(NamedTuple):
    """The state of a transform that acts on a part of the leaves only."""

    inner_state: PyTree


@dataclass(frozen=True)
class add_decayed_weights(Transform):
    """Pull parameters toward zero: u = g + weight_decay p.

    `weight_decay` is a number or a schedule. `mask` says which leaves decay: a tree of bools with the structure of the
    parameters or a prefix of it, or a function from the parameters to such a tree.

    State:  `WeightDecaySchedule(count)` with a schedule, otherwise none; with a mask that, inside `MaskedState`.
    Raises: ValueError at update if `params` is missing, if it differs from updates in structure or shape, or if the
            mask does not fit it.
    Source: Loshchilov & Hutter, 2019, arXiv:1711.05101, algorithm 2, line 12, as optax and PyTorch have it: before the
            learning rate, which thus scales the decay too.
    """

    weight_decay: ScalarOrSchedule = 0.0
    mask: PyTree | Callable[[PyTree], PyTree] | None = None

    def __hash__(self) -> int:
        # A mask may be a dict, which has no hash; its leaves and its structure have one.
        leaves, structure = jax.tree.flatten(self.mask)
        return hash((self.weight_decay, tuple(leaves), structure))

    def init(self, params: PyTree) -> PyTree:
        state = WeightDecaySchedule(count=first_count()) if callable(self.weight_decay) else EmptyState()
        return state if self.mask is None else MaskedState(inner_state=state)

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        if params is None:
            raise ValueError(
                "add_decayed_weights: the parameters decay, so update needs them; call update(updates, state, params)"
            )
        if self.mask is not None:
            updates, inner_state = self._decay(updates, state.inner_state, params)
            return updates, state._replace(inner_state=inner_state)
        return self._decay(updates, state, params)

    def _decay(self, updates: PyTree, state: PyTree, params: PyTree) -> tuple[PyTree, PyTree]:
        weight_decay = self.weight_decay
        if callable(weight_decay):
            weight_decay = weight_decay(state.count)
            state = state._replace(count=next_count(state.count))
        elif not isinstance(weight_decay, jax.Array) and weight_decay == 0:
            return updates, state
        decayed = map_updates(_rule, weight_decay, updates, params=params)
        if self.mask is not None:
            decayed = _choose(self._leaf_mask(params), decayed, updates)
        return decayed, state

    def _leaf_mask(self, params: PyTree) -> PyTree:
        mask = self.mask(params) if callable(self.mask) else self.mask
        try:
            return jax.tree.broadcast(mask, params)
        except ValueError as error:
            raise ValueError(
                f"add_decayed_weights: mask {mask!r} does not fit the parameters; give a bool for every leaf or for "
                f"whole subtrees: {error}"
            ) from None


def _rule(gradient: jax.Array, param: jax.Array, weight_decay: Scalar) -> jax.Array:
    return gradient + weight_decay * param


def _choose(mask: PyTree, chosen: PyTree, otherwise: PyTree) -> PyTree:
    """The leaves of `chosen` where the mask is true, elsewhere those of `otherwise`; None stays None."""

    def choose(old: Any, new: Any, keep: Any) -> Any:
        return new if old is not None and keep else old

    return jax.tree.map(choose, otherwise, chosen, mask, is_leaf=lambda node: node is None)
