"""The natural gradient, by conjugate gradients."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg

from backprop_jax.core.layer import PyTree
from backprop_jax.optim.arguments import require_extra
from backprop_jax.optim.hyperparameters import Scalar, require_count, require_non_negative
from backprop_jax.optim.transform import EmptyState, Transform

__all__ = ["scale_by_natural_gradient"]


@dataclass(frozen=True)
class scale_by_natural_gradient(Transform):
    """Replace the gradient g by the solution u of (F + damping I) u = g.

    F is given by its products: update(updates, state, params, product=product), where product is what
    `gauss_newton_product(objective)(params, state, batch)`, or any like it, gives. The method of conjugate gradients
    stops after `maxiter` products, or when |g - (F + damping I) u| is at most tol |g|.

    State:  none.
    Raises: ValueError if damping or tol is negative, or maxiter no whole number above 0; TypeError at update if product
            is missing.
    Source: Amari, 1998, doi:10.1162/089976698300017746; Martens, 2010 (Hessian-free optimization).
    """

    damping: Scalar = 1e-3
    maxiter: int = 20
    tol: float = 1e-5

    def __post_init__(self) -> None:
        require_non_negative(self, "damping", "1e-3 is usual: it is added to every eigenvalue")
        require_non_negative(self, "tol", "1e-5 is usual: the share of the gradient that may stay unsolved")
        require_count(self, "maxiter", "20 is usual: the most products to take")

    def init(self, params: PyTree) -> EmptyState:
        return EmptyState()

    def update(
        self, updates: PyTree, state: EmptyState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, EmptyState]:
        [product] = require_extra(self, extra, "product")
        wide = jax.tree.map(lambda leaf: leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)), updates)

        def damped(vector: PyTree) -> PyTree:
            add = lambda own, like: (own + self.damping * like).astype(like.dtype)
            return jax.tree.map(add, product(vector), vector)

        solution, _ = cg(damped, wide, tol=self.tol, maxiter=self.maxiter)
        return jax.tree.map(lambda leaf, like: leaf.astype(like.dtype), solution, updates), state
