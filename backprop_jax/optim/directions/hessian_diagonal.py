"""Estimates of the diagonal of the Hessian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.optim.arguments import require_extra
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.random_keys import fixed_key, random_key
from backprop_jax.optim.transform import Transform


class HutchinsonState(NamedTuple):
    """The key that the next random signs come from."""

    key: jax.Array


@dataclass(frozen=True)
class hutchinson_estimator_diag_hessian(Transform):
    """Replace updates by Hutchinson's estimate of the Hessian's diagonal: u = z * (H z), z of random signs.

    The Hessian is that of the objective: update(updates, state, params, obj_fn=obj_fn), with obj_fn(params) -> scalar.
    Over the signs, the mean of u is the diagonal. `random_seed` is a key, a seed, or the words of a key of the older,
    untyped kind, as which an array of those is kept; not given, it is jax.random.PRNGKey(0).

    State:  `HutchinsonState(key)`.
    Raises: TypeError if random_seed is no key; at update ValueError if `params` is missing, TypeError if obj_fn is.
    Source: Hutchinson, 1990; Bekas, Kokiopoulou & Saad, 2007.
    """

    random_seed: Any = None

    def __post_init__(self) -> None:
        seed = self.random_seed
        if _is_untyped_key(seed):
            object.__setattr__(self, "random_seed", tuple(np.asarray(seed).tolist()))
        elif not (seed is None or isinstance(seed, tuple)):
            object.__setattr__(self, "random_seed", fixed_key(self, seed))

    def init(self, params: PyTree) -> HutchinsonState:
        if self.random_seed is None:
            return HutchinsonState(jax.random.PRNGKey(0))
        if isinstance(self.random_seed, tuple):
            return HutchinsonState(jnp.array(self.random_seed, jnp.uint32))
        return HutchinsonState(random_key(self.random_seed))

    def update(
        self, updates: PyTree, state: HutchinsonState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, HutchinsonState]:
        name = type(self).__name__
        [obj_fn] = require_extra(self, extra, "obj_fn")
        if params is None:
            raise ValueError(f"{name}: update needs the parameters; call update(updates, state, params, obj_fn=obj_fn)")
        key, subkey = jax.random.split(state.key)
        leaves, structure = jax.tree.flatten(params)
        keys = jax.random.split(subkey, len(leaves))
        signs = structure.unflatten(
            [jax.random.rademacher(key, leaf.shape, leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
        )
        _, products = jax.jvp(jax.grad(obj_fn), (params,), (signs,))
        return jax.tree.map(jnp.multiply, products, signs), state._replace(key=key)


def _is_untyped_key(seed: Any) -> bool:
    return isinstance(seed, np.ndarray | jax.Array) and seed.dtype == jnp.uint32 and seed.ndim == 1
