"""Train half-precision parameters by way of a float32 copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.applying import apply_updates
from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.leafwise import PyTree, is_none, widen
from backprop_jax.optim.transform import Transform, elementwise_if


class MasterWeightsState(NamedTuple):
    """Half-precision parameters in float32, None for the others, and the state of the optimizer that trains them."""

    master_params: PyTree
    inner_state: PyTree


@dataclass(frozen=True)
class master_weights(Transform):
    """Keep bfloat16 and float16 parameters in float32 too, and let the optimizer work on that copy.

        m <- m + update(g, m) in float32,   u = round(m) - p:  the parameters become the rounded copy

    A half-precision parameter loses every update of less than about 1/500 of it. The copy does not, and the optimizer's
    state is in float32 as well. Costs 4 bytes for each parameter in half precision, nothing for others.

    State:  `MasterWeightsState(master_params, inner_state)`; unlike other transforms, init reads the parameters.
    Raises: ValueError at update if `params` is missing.
    Source: Micikevicius et al., 2018, arXiv:1710.03740, section 3.1.
    """

    elementwise = elementwise_if(lambda self: is_elementwise(self.optimizer))

    optimizer: Any

    def __post_init__(self) -> None:
        require_transform(self.optimizer, "master_weights: the optimizer")

    def init(self, params: PyTree) -> MasterWeightsState:
        master_params = jax.tree.map(lambda param: _copy(param) if _is_half(param) else None, params)
        return MasterWeightsState(master_params, self.optimizer.init(_merge(master_params, params)))

    def update(
        self, updates: PyTree, state: MasterWeightsState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, MasterWeightsState]:
        require_params(self, params)
        old = _merge(state.master_params, params)
        wide = jax.tree.map(_widen_update, updates, params, is_leaf=is_none)
        wide, inner_state = update_with_extra(self.optimizer, wide, state.inner_state, old, extra)
        new = apply_updates(old, wide)
        updates = jax.tree.map(_to_copy, updates, wide, new, params, is_leaf=is_none)
        master_params = jax.tree.map(lambda param, copy: copy if _is_half(param) else None, params, new)
        return updates, state._replace(master_params=master_params, inner_state=inner_state)


def _is_half(param: Any) -> bool:
    return jnp.result_type(param) in (jnp.bfloat16, jnp.float16)


def _copy(param: Any) -> jax.Array:
    return jnp.zeros(param.shape, jnp.float32) if isinstance(param, jax.ShapeDtypeStruct) else widen(param)


def _merge(master_params: PyTree, params: PyTree) -> PyTree:
    """The parameters, each in the widest form there is."""
    return jax.tree.map(lambda copy, param: param if copy is None else copy, master_params, params, is_leaf=is_none)


def _widen_update(update: Any, param: Any) -> Any:
    return widen(update) if update is not None and _is_half(param) else update


def _to_copy(update: Any, wide: Any, copy: Any, param: Any) -> Any:
    """The update that takes the parameter to its rounded copy."""
    if update is None or not _is_half(param):
        return wide
    info = jnp.finfo(param.dtype)
    # Not two casts, there and back: XLA takes such a pair away.
    rounded = lax.reduce_precision(copy, exponent_bits=info.nexp, mantissa_bits=info.nmant)
    return (rounded - widen(param)).astype(update.dtype)
