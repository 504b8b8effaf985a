"""Replace the singular values of a matrix by numbers near one, with matrix products alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar

PRECONDITIONINGS = ("frobenius", "spectral", "aol", "schatten")


def orthogonalize(x: jax.Array, coefficients: jax.Array, steps: int, preconditioning: str, eps: Scalar) -> jax.Array:
    """Newton-Schulz iteration on a stack of matrices, (..., M, N) -> (..., M, N).

        x <- a x + b (x xᴴ) x + c (x xᴴ)² x

    which changes singular values alone: s <- a s + b s³ + c s⁵. `coefficients` are (a, b, c), or a row of them for
    each step. First x is made so small that s <= 1, by dividing it by a bound on its largest singular value,

        frobenius:  |x|, the root of the sum of squares        spectral:  the largest singular value itself
        schatten:   sqrt(|x xᴴ|)                                aol:       row i by sqrt(Σⱼ |x xᴴ|ᵢⱼ)

    where `aol` changes singular vectors as well.

    Source: Jordan et al., 2024, "Muon"; aol: Boissin et al., 2025, arXiv:2512.04632; schatten: Grishina et al., 2025,
            arXiv:2506.10935.
    """
    is_tall = x.shape[-2] > x.shape[-1]
    x = x.mT if is_tall else x  # so that x xᴴ is the smaller of the two products
    coefficients = coefficients.astype(x.dtype)
    if preconditioning == "frobenius":
        x = x / (_norm(x) + eps)
    elif preconditioning == "spectral":
        x = x / (jnp.linalg.svd(x, compute_uv=False)[..., :1, None] + eps)
    for step in range(steps if coefficients.ndim == 1 else len(coefficients)):
        a, b, c = coefficients if coefficients.ndim == 1 else coefficients[step]
        gram = x @ x.mT.conj()
        if step == 0 and preconditioning in ("aol", "schatten"):
            bound = jnp.sum(jnp.abs(gram), axis=-1, keepdims=True) if preconditioning == "aol" else _norm(gram)
            shrunk = lax.rsqrt(jnp.maximum(bound, eps))
            x, gram = shrunk * x, shrunk * gram * shrunk.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.mT if is_tall else x


def _norm(x: jax.Array) -> jax.Array:
    return jnp.linalg.norm(x, axis=(-2, -1), keepdims=True)
