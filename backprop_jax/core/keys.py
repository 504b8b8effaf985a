"""PRNG keys: randomness is state."""

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import PyTree

__all__ = ["has_keys", "is_key", "reseed", "typed_key"]


def typed_key(key: jax.Array) -> jax.Array:
    """The key in JAX's typed form (`jax.random.key`), which tells a key from a pair of numbers."""
    return key if is_key(key) else jax.random.wrap_key_data(key)


def reseed(state: PyTree, key: jax.Array) -> PyTree:
    """The state with every PRNG key in it replaced by one drawn from `key`; all else unchanged."""
    key = typed_key(key)
    leaves, structure = jax.tree.flatten(state)
    fresh = [
        jax.random.split(jax.random.fold_in(key, index), leaf.shape) if is_key(leaf) else leaf
        for index, leaf in enumerate(leaves)
    ]
    return structure.unflatten(fresh)


def has_keys(state: PyTree) -> bool:
    """Whether any leaf of the state is a PRNG key."""
    return any(map(is_key, jax.tree.leaves(state)))


def is_key(leaf: jax.Array) -> bool:
    """Whether it is a PRNG key of JAX's typed form, or an array of such."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
