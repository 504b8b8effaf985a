"""Train bfloat16 parameters without a float32 copy, by rounding at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.optim.applying import apply_updates
from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.combining import require_transform, update_with_extra
from backprop_jax.optim.leafwise import PyTree, is_none, widen
from backprop_jax.optim.limits.random_keys import fixed_key, random_key
from backprop_jax.optim.transform import Transform


class StochasticRoundingState(NamedTuple):
    """The key of the next step's rounding, and the state of the optimizer."""

    rng_key: jax.Array
    inner_state: PyTree


@dataclass(frozen=True)
class stochastic_rounding(Transform):
    """Round bfloat16 parameters up or down at random, so that what is lost in one step is not lost in the mean.

        p <- one of the two bfloat16 numbers about p + u, by chances for which E[p] = p + u;   u = update(g, p)

    A bfloat16 parameter rounded to the nearest loses every update of less than about 1/500 of it. Here such an update
    moves it now and then by a whole step, and the sum of many arrives. That is noise, which `master_weights` has not at
    4 bytes more for each parameter. The optimizer sees parameters and gradients in float32, so that its state is in
    that too; `compress_state` makes it smaller. Parameters in float32 and above are trained as ever.

    `key` is a random key or a seed. Apply the updates as they are, by `apply_updates`.

    State:  `StochasticRoundingState(rng_key, inner_state)`: rng_key a typed key.
    Raises: TypeError if `optimizer` is no transform or key is no key and no seed; ValueError if a parameter is float16,
            or at update if `params` is missing.
    Source: Gupta et al., 2015, arXiv:1502.02551, section 3; Zamirai et al., 2020, arXiv:2010.06192, section 4.
    """

    optimizer: Any
    key: Any = None

    def __post_init__(self) -> None:
        require_transform(self.optimizer, "stochastic_rounding: the optimizer")
        object.__setattr__(self, "key", fixed_key(self, self.key))

    def init(self, params: PyTree) -> StochasticRoundingState:
        for path, param in jax.tree_util.tree_leaves_with_path(params):
            if jnp.result_type(param) == jnp.float16:
                raise ValueError(
                    f"stochastic_rounding: the parameter at {jax.tree_util.keystr(path) or 'the root'} is float16, and "
                    "only bfloat16 has the range of float32: use that, or master_weights"
                )
        return StochasticRoundingState(random_key(self.key), self.optimizer.init(_wide_shapes(params)))

    def update(
        self, updates: PyTree, state: StochasticRoundingState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, StochasticRoundingState]:
        require_params(self, params)
        rng_key, own_key = jax.random.split(state.rng_key)
        old = jax.tree.map(lambda param: widen(param) if _is_bfloat16(param) else param, params)
        wide = jax.tree.map(_widen_update, updates, params, is_leaf=is_none)
        wide, inner_state = update_with_extra(self.optimizer, wide, state.inner_state, old, extra)
        leaves, structure = jax.tree.flatten(updates, is_leaf=is_none)
        columns = (structure.flatten_up_to(tree) for tree in (wide, params, apply_updates(old, wide)))
        keys = jax.random.split(own_key, len(leaves))
        rounded = [_rounded(*row) for row in zip(keys, leaves, *columns, strict=True)]
        return structure.unflatten(rounded), state._replace(rng_key=rng_key, inner_state=inner_state)


def round_at_random(x: jax.Array, bits: jax.Array) -> jax.Array:
    """Each float32 number as one of its two bfloat16 neighbours, the nearer one the more likely: E[y] = x.

    A number that bfloat16 has stays, as do infinities and NaN. Beyond the largest one it is the largest, not infinite.

    Shapes:   x (...) float32, bits (...) uint32, of which the lower 16 are read -> y (...) bfloat16.
    """
    # bfloat16 is float32 without its lower 16 bits: a number drawn from 0 to 2^16 - 1 added to these carries into the
    # others with the chance that they are of a whole step, whatever the exponent, subnormal numbers among them.
    words = lax.bitcast_convert_type(x, jnp.uint32)
    carried = words + (bits & np.uint32(0xFFFF))
    is_at_end = (carried & np.uint32(0x7F800000)) == np.uint32(0x7F800000)
    is_nan = jnp.isnan(x)
    upper = jnp.where(is_at_end, words, carried) >> np.uint32(16)
    upper = jnp.where(is_nan, np.uint32(0x7FC0), upper)
    return lax.bitcast_convert_type(upper.astype(jnp.uint16), jnp.bfloat16)


def _rounded(key: jax.Array, update: Any, wide: Any, param: Any, new: Any) -> Any:
    """The update that takes the parameter to one of the neighbours of what it should be."""
    if update is None or not _is_bfloat16(param):
        return wide
    bits = jax.random.bits(key, new.shape, jnp.uint32, out_sharding=jax.typeof(new).sharding)
    change = widen(round_at_random(new, bits)) - widen(param)
    # A long step toward zero may need more digits than a bfloat16 update has; it then ends at a coarser number.
    return (
        round_at_random(change, bits >> np.uint32(16)) if update.dtype == jnp.bfloat16 else change.astype(update.dtype)
    )


def _is_bfloat16(param: Any) -> bool:
    return jnp.result_type(param) == jnp.bfloat16


def _widen_update(update: Any, param: Any) -> Any:
    return widen(update) if update is not None and _is_bfloat16(param) else update


def _wide_shapes(params: PyTree) -> PyTree:
    """What an optimizer is to see at init: bfloat16 parameters in float32, be they arrays or shapes."""

    def wide(param: Any) -> Any:
        if not _is_bfloat16(param):
            return param
        return (
            jax.ShapeDtypeStruct(param.shape, jnp.float32) if isinstance(param, jax.ShapeDtypeStruct) else widen(param)
        )

    return jax.tree.map(wide, params)
