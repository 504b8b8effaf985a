"""Random noise on the gradient."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar, require_non_negative
from backprop_jax.optim.leafwise import PyTree, map_updates
from backprop_jax.optim.limits.random_keys import fixed_key, random_key
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform


class AddNoiseState(NamedTuple):
    """Steps taken, and the key of the next step's noise."""

    count: jax.Array
    rng_key: jax.Array


@dataclass(frozen=True)
class add_noise(Transform):
    """Add normal noise that fades from step to step: u = g + sqrt(eta / t^gamma) n, with t = 1 at the first step.

    `key` is a random key or a seed; `seed`, an older name of it, becomes `key`. The noise is drawn in the dtype of its
    leaf, and is that of optax for the same key.

    State:  `AddNoiseState(count, rng_key)`: count int32, rng_key a typed key.
    Raises: ValueError if eta is negative, or if key and seed are both given; TypeError if key is no key and no seed.
    Source: Neelakantan et al., 2015, arXiv:1511.06807, eq. 1.
    """

    eta: Scalar
    gamma: Scalar
    key: Any = None
    _: KW_ONLY
    seed: int | None = None

    def __post_init__(self) -> None:
        require_non_negative(self, "eta", "it is the variance of the first step's noise")
        object.__setattr__(self, "key", fixed_key(self, self.key, self.seed))
        object.__setattr__(self, "seed", None)

    def init(self, params: PyTree) -> AddNoiseState:
        return AddNoiseState(count=first_count(), rng_key=random_key(self.key))

    def update(
        self, updates: PyTree, state: AddNoiseState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, AddNoiseState]:
        count = safe_increment(state.count)
        rng_key, own_key = jax.random.split(state.rng_key)
        deviation = lax.sqrt(self.eta / (1.0 * count) ** self.gamma)
        updates = map_updates(_add, deviation, updates, noise=normal_like(own_key, updates))
        return updates, state._replace(count=count, rng_key=rng_key)


def normal_like(key: jax.Array, tree: PyTree) -> PyTree:
    """Normal noise of the shapes, dtypes and shardings of `tree`, from a key of its own for every leaf."""
    leaves, structure = jax.tree.flatten(tree)
    noise = [
        jax.random.normal(own_key, np.shape(leaf), jnp.result_type(leaf), out_sharding=jax.typeof(leaf).sharding)
        for own_key, leaf in zip(jax.random.split(key, len(leaves)), leaves, strict=True)
    ]
    return structure.unflatten(noise)


def _add(update: jax.Array, noise: jax.Array, deviation: jax.Array) -> jax.Array:
    return update + deviation * noise
