"""Show a transform one long vector in place of the leaves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.state_types import evaluate


@dataclass(frozen=True)
class flatten(Transform):
    """Lay all leaves end to end in one vector for `inner`, and cut its updates apart again.

    The vector has the dtype to which those of the leaves promote. It is put together at every update; `flat` does that
    once. What `inner` does to a leaf as a whole, it does to all of them as one.

    State:  that of `inner` for a single vector.
    Raises: TypeError if `inner` is no transform.
    """

    elementwise = elementwise_if(lambda self: is_elementwise(self.inner))

    inner: Any

    def __post_init__(self) -> None:
        require_transform(self.inner, "flatten: inner")

    def init(self, params: PyTree) -> PyTree:
        return self.inner.init(evaluate(_lay_end_to_end, params))

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        vector = None if params is None else _lay_end_to_end(params)
        updated, state = update_with_extra(self.inner, _lay_end_to_end(updates), state, vector, extra)
        return _cut_apart(updated, updates), state


def _lay_end_to_end(tree: PyTree) -> jax.Array:
    leaves = jax.tree.leaves(tree)
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves]) if leaves else jnp.zeros(0)


def _cut_apart(vector: jax.Array, like: PyTree) -> PyTree:
    leaves, structure = jax.tree.flatten(like)
    bounds = pairwise(accumulate(map(np.size, leaves), initial=0))
    parts = [lax.slice(vector, (start,), (stop,)) for start, stop in bounds]
    return structure.unflatten([_as_was(part, leaf) for part, leaf in zip(parts, leaves, strict=True)])


def _as_was(part: jax.Array, leaf: Any) -> jax.Array:
    dtype = jnp.result_type(leaf)
    is_real = not jnp.issubdtype(dtype, jnp.complexfloating)
    part = lax.real(part) if is_real and jnp.iscomplexobj(part) else part
    return lax.convert_element_type(part, dtype).reshape(jnp.shape(leaf))
