"""L1 and L2 penalties, as what they add to the gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, hash_of, require_non_negative
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan, elementwise_if


@dataclass(frozen=True)
class add_elastic_net(Leafwise):
    """Penalize large parameters: u = g + l1 sign(p) + l2 p, the gradient of the loss + l1 Σ |p| + l2 / 2 Σ p².

    Before an optimizer, `chain(add_elastic_net(1e-5), adam(1e-3))`, this is a penalty in the loss; what adam divides
    by has it too. Between `scale_by_adam()` and `scale_by_learning_rate(1e-3)` it is decoupled from that. With l1 = 0
    it is `add_decayed_weights(l2)`. `mask` is as there: which leaves.

    L1 draws parameters to about 0, not to exactly 0: they end within a step, learning rate times l1, of it.

    State:  none.
    Raises: ValueError if l1 or l2 is negative; at update if `params` is missing, if it differs from updates in
            structure or shape, or if the mask does not fit it.
    Source: Zou & Hastie, 2005, J. R. Statist. Soc. B 67(2), eq. 3.
    """

    elementwise = elementwise_if(lambda self: self.mask is None)
    reads_params = True

    l1: Scalar = 0.0
    l2: Scalar = 0.0
    mask: PyTree | Callable[[PyTree], PyTree] | None = None

    def __post_init__(self) -> None:
        require_non_negative(self, "l1", "it is the weight of the sum of absolute values")
        require_non_negative(self, "l2", "it is the weight of half the sum of squares")

    def __hash__(self) -> int:
        return hash_of(self.l1, self.l2, self.mask)

    def plan(self, updates: PyTree, state: EmptyState, params: PyTree, **extra: Any) -> Plan:
        mask = True if self.mask is None else self.mask(params) if callable(self.mask) else self.mask
        return Plan(_rule, _Scalars(self.l1, self.l2), state, mask)


class _Scalars(NamedTuple):
    l1: Scalar
    l2: Scalar


def _rule(gradient: jax.Array, param: jax.Array, scalars: _Scalars) -> jax.Array:
    return gradient + scalars.l1 * lax.sign(param) + scalars.l2 * param
