"""A random key among the hyper-parameters of a transform."""

from __future__ import annotations

import operator
import warnings
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


@dataclass(frozen=True, repr=False)
class FixedKey:
    """A random key that has a hash and prints as the call that makes it, which JAX's keys, being arrays, do not."""

    words: tuple[int, ...]
    generator: str

    def __repr__(self) -> str:
        return f"jax.random.wrap_key_data(jnp.array({list(self.words)}, 'uint32'), impl={self.generator!r})"


def fixed_key(owner: object, key: Any, seed: int | None = None) -> Any:
    """The field of `owner` that stands for a key or a seed: an int or a `FixedKey`, or a tracer as it is.

    Raises ValueError if both are given, TypeError if it is neither.
    """
    name = type(owner).__name__
    if seed is not None:
        warnings.warn(f"{name}: seed is deprecated, use key instead", DeprecationWarning, stacklevel=4)
        if key is not None:
            raise ValueError(f"{name}: key and seed were both given; give the key only")
        key = seed
    if key is None:
        warnings.warn(f"{name}: without a key the noise is that of key=0 in every run; give one", stacklevel=4)
        return 0
    if isinstance(key, Tracer | FixedKey):
        return key
    try:
        return _without_array(key)
    except TypeError:
        raise TypeError(f"{name}: key must be a seed such as 0, or jax.random.key(0), got {key!r}") from None


def random_key(field: Any) -> jax.Array:
    """The key that `fixed_key` made the field of."""
    if isinstance(field, FixedKey):
        return jax.random.wrap_key_data(jnp.array(field.words, jnp.uint32), impl=field.generator)
    is_key = isinstance(field, jax.Array) and jnp.issubdtype(field.dtype, jax.dtypes.prng_key)
    return field if is_key else jax.random.key(field)


def _without_array(key: Any) -> int | FixedKey:
    if not isinstance(key, jax.Array) or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return operator.index(key)
    with jax.ensure_compile_time_eval():  # under jit, too, the words of a key that is not traced are known
        words = np.asarray(jax.random.key_data(key))
    return FixedKey(tuple(map(operator.index, words)), str(jax.random.key_impl(key)))
