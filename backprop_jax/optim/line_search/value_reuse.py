"""Take the objective's value and gradient from the line search that ended where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.leafwise import PyTree, in_dtypes_of


@dataclass(frozen=True)
class value_and_grad_from_state:
    """`jax.value_and_grad(value_fn)`, from the state of a line search where that has it.

        value, grad = value_and_grad_from_state(value_fn)(params, *args, state=state, **kwargs)

    Only before the first step, or where the search found no finite value, is value_fn evaluated.

    Raises: ValueError if there is no line search in the state, or it did not store its gradient (store_grad=False);
            KeyError if there are several.
    """

    value_fn: Callable[..., Any]

    def __call__(self, params: PyTree, *args: Any, state: PyTree, **kwargs: Any) -> tuple[jax.Array, PyTree]:
        found = [node for node in jax.tree.leaves(state, is_leaf=_has_value_and_grad) if _has_value_and_grad(node)]
        if len(found) > 1:
            raise KeyError(f"value_and_grad_from_state: {len(found)} line searches in the state; pass the state of one")
        if not found or found[0].grad is None:
            raise ValueError(
                "value_and_grad_from_state: no value and gradient in the state; the optimizer needs a line search as "
                "a member, with store_grad=True if it is scale_by_backtracking_linesearch"
            )
        stored = (found[0].value, found[0].grad)

        def evaluate() -> tuple[jax.Array, PyTree]:
            return in_dtypes_of(stored, jax.value_and_grad(self.value_fn)(params, *args, **kwargs))

        return lax.cond(jnp.isfinite(stored[0]), lambda: stored, evaluate)


def _has_value_and_grad(node: Any) -> bool:
    return isinstance(node, tuple) and {"value", "grad"} <= set(getattr(node, "_fields", ()))
