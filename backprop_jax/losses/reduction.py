"""From one term a prediction to what a loss returns, and back."""

import jax
from jax import lax

__all__ = ["REDUCTIONS", "reduce", "unreduce"]

REDUCTIONS = ("mean", "sum", "none")


def reduce(terms: jax.Array, reduction: str, count: int | jax.Array) -> jax.Array:
    """The terms themselves, their sum, or their sum over `count`."""
    if reduction == "none":
        return terms
    total = lax.reduce_sum(terms, tuple(range(terms.ndim)))
    return total if reduction == "sum" else total / count


def unreduce(dy: jax.Array, reduction: str, count: int | jax.Array) -> jax.Array:
    """The adjoint of `reduce`: the cotangent of each term, left a scalar where it is the same for all."""
    return dy / count if reduction == "mean" else dy
