"""Check hyper-parameters where they are set, so that a wrong one is named before anything runs.

A traced value, such as a learning rate under `jax.vmap`, cannot be looked at and passes every check.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

Scalar = float | jax.Array


def concrete(value: Scalar) -> np.ndarray | None:
    """`value` as a NumPy array, or None where it is traced."""
    return None if isinstance(value, Tracer) else np.asarray(value)


def require_non_negative(owner: object, name: str, fix: str) -> None:
    """Raise ValueError if the field `name` of `owner` is negative or NaN."""
    value = _number(owner, name)
    if value is not None and not np.all(value >= 0):
        _refuse(owner, name, "must not be negative or NaN", fix)


def require_positive(owner: object, name: str, fix: str) -> None:
    """Raise ValueError if the field `name` of `owner` is not above zero."""
    value = _number(owner, name)
    if value is not None and not np.all(value > 0):
        _refuse(owner, name, "must be above 0", fix)


def require_count(owner: object, name: str, fix: str) -> None:
    """Raise ValueError if the field `name` of `owner` is not a whole number above zero."""
    value = _number(owner, name)
    if value is not None and not (np.issubdtype(value.dtype, np.integer) and np.all(value > 0)):
        _refuse(owner, name, "must be a whole number above 0", fix)


def require_decay(owner: object, name: str, fix: str) -> None:
    """Raise ValueError if the field `name` of `owner` is outside [0, 1)."""
    value = _number(owner, name)
    if value is not None and not np.all((value >= 0) & (value < 1)):
        _refuse(owner, name, "must be in [0, 1)", fix)


def require_share(owner: object, name: str, fix: str) -> None:
    """Raise ValueError if the field `name` of `owner` is outside [0, 1]."""
    value = _number(owner, name)
    if value is not None and not np.all((value >= 0) & (value <= 1)):
        _refuse(owner, name, "must be in [0, 1]", fix)


def _number(owner: object, name: str) -> np.ndarray | None:
    """The field `name` of `owner` as a NumPy array, or None where it is traced. Raises TypeError if it is no number."""
    value = concrete(getattr(owner, name))
    if value is not None and not (jnp.issubdtype(value.dtype, jnp.number) or value.dtype == bool):
        raise TypeError(f"{type(owner).__name__}: {name} must be a number, got {getattr(owner, name)!r}")
    return value


def dtype_name(owner: object, name: str) -> str | None:
    """The dtype in the field `name` of `owner` by its name: equal dtypes then compare, hash and print alike.

    Raises ValueError if it is not a floating-point or complex dtype.
    """
    dtype = getattr(owner, name)
    if dtype is None:
        return None
    if not jnp.issubdtype(dtype, jnp.inexact):
        _refuse(owner, name, "must be a floating-point or complex dtype", "None takes that of the parameters")
    return jnp.dtype(dtype).name


def hash_of(*fields: Any) -> int:
    """A hash of values that may be trees: a dict has none, its leaves and its structure have one."""
    leaves, structure = jax.tree.flatten(fields)
    return hash((tuple(leaves), structure))


def call_of(owner: Any) -> str:
    """The text of the call that makes `owner`, without the functions that are defaults: they have no such text."""
    values = [(field.name, getattr(owner, field.name), field.default) for field in dataclasses.fields(owner)]
    told = [f"{name}={value!r}" for name, value, default in values if not (callable(value) and value is default)]
    return f"{type(owner).__name__}({', '.join(told)})"


def _refuse(owner: object, name: str, demand: str, fix: str) -> None:
    value: Any = getattr(owner, name)
    raise ValueError(f"{type(owner).__name__}: {name} {demand}, got {value!r}; {fix}")
