"""Keep a part of the parameters as they are."""

from __future__ import annotations

from typing import Any

import jax

from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.stateless_transforms import set_to_zero
from backprop_jax.optim.wrappers.masking import masked
from backprop_jax.optim.wrappers.partitioning import partition


def freeze(mask: bool | PyTree) -> masked:
    """Set updates to zero where the mask is true, and hand the others on unchanged.

    `mask` is one bool, or a tree of bools with the structure of the parameters or a prefix of it. Put it last in a
    chain; what comes before still keeps a state for the frozen leaves, unlike in `selective_transform`.

    State:  `MaskedState(EmptyState())`.
    Raises: as `masked`.
    """
    return masked(set_to_zero(), mask)


def selective_transform(optimizer: Any, *, freeze_mask: bool | PyTree) -> partition:
    """Apply a transform where the mask is false, and set updates to zero, without a state, where it is true.

    `freeze_mask` is one bool, or a tree of bools with the structure of the parameters or a prefix of it.

    State:  `PartitionState` with the labels "train" and "freeze".
    Raises: as `partition`.
    """
    labels = jax.tree.map(lambda is_frozen: "freeze" if is_frozen else "train", freeze_mask)
    return partition({"train": optimizer, "freeze": set_to_zero()}, labels)
