"""Eigenvalues and the trace of a symmetric matrix that is known by its products with vectors."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from backprop_jax.core.cotangents import cast_like, widen
from backprop_jax.core.layer import PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.curvature.products import Product

__all__ = ["top_eigenvalues", "trace"]


def top_eigenvalues(
    product: Product, like: PyTree, key: jax.Array, count: int = 1, iterations: int | None = None
) -> jax.Array:
    """The `count` largest eigenvalues of the symmetric matrix of `product`, the largest first, by Lanczos.

    `like` has the form of the vectors, as the parameters have. Each iteration is one product, and the new vector is
    made orthogonal to all before, twice, so that no eigenvalue is found again. With as many iterations as there are
    numbers the values are exact; the extreme ones are long before. iterations=None: 4 count + 20. It is a loop of
    `jax.lax`, and keeps one vector an iteration.

    Raises:   ValueError if count is less than 1 or more than iterations, or these more than there are numbers.
    Source:   Lanczos, 1950, doi:10.6028/jres.045.026; Parlett, 1998, The Symmetric Eigenvalue Problem, chapter 13.
    """
    flat, unravel = _as_vectors(like)
    steps = min(4 * count + 20, flat.size) if iterations is None else iterations
    if not 1 <= count <= steps <= flat.size:
        raise ValueError(
            f"top_eigenvalues of {flat.size} numbers needs 1 <= count <= iterations <= {flat.size}, not a count of "
            f"{count} and {steps} iterations"
        )

    def step(number: Any, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        basis, diagonal, beside = carry
        vector = basis[number]
        image = _flat(product(unravel(vector)), flat)
        # Beside it one at random, to go on with where the vectors so far are all that products lead to.
        pair = jnp.stack([image, jax.random.normal(jax.random.fold_in(key, number), flat.shape, flat.dtype)])
        for _ in range(2):  # once leaves what rounding does to a small rest
            pair = pair - _product(_product(pair, basis.T), basis)
        lengths = jnp.linalg.norm(pair, axis=1)
        is_led = lengths[0] > 16 * jnp.finfo(image.dtype).eps * jnp.linalg.norm(image)
        rest, length = jnp.where(is_led, pair[0], pair[1]), jnp.where(is_led, lengths[0], lengths[1])
        basis = basis.at[number + 1].set(rest / jnp.where(length == 0, 1, length), mode="drop")
        beside = beside.at[number].set(jnp.where(is_led, length, 0))
        return basis, diagonal.at[number].set(_product(vector, image)), beside

    start = jax.random.normal(key, flat.shape, flat.dtype)
    basis = jnp.zeros((steps, flat.size), flat.dtype).at[0].set(start / jnp.linalg.norm(start))
    zeros = jnp.zeros(steps, flat.dtype)
    _, diagonal, beside = lax.fori_loop(0, steps, step, (basis, zeros, zeros))
    tridiagonal = jnp.diag(diagonal) + jnp.diag(beside[:-1], 1) + jnp.diag(beside[:-1], -1)
    return jnp.linalg.eigvalsh(tridiagonal)[::-1][:count]


def trace(product: Product, like: PyTree, key: jax.Array, samples: int = 1) -> jax.Array:
    """The trace of the matrix M of `product`, estimated: the mean of zᵀ M z over vectors z of random signs.

    Each sample is one product, in a loop. The variance of one is twice the sum of the squares off the diagonal.

    Raises:   ValueError if samples is less than 1.
    Source:   Hutchinson, 1990, doi:10.1080/03610919008812866.
    """
    if whole_number(samples, least=1) is None:
        raise ValueError(f"trace needs a whole number of samples, 1 or more, not {samples!r}")
    flat, unravel = _as_vectors(like)

    def one(key: jax.Array) -> jax.Array:
        signs = jax.random.rademacher(key, flat.shape, flat.dtype)
        return _product(signs, _flat(product(unravel(signs)), flat))

    return jnp.mean(lax.map(one, jax.random.split(key, samples)))


def _as_vectors(like: PyTree) -> tuple[jax.Array, Callable[[jax.Array], PyTree]]:
    """Zeros in at least float32, one for each number of `like`, and from such a vector to the form of `like`."""
    wide = widen(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like))
    flat, unravel = ravel_pytree(wide)
    return flat, lambda vector: cast_like(unravel(vector), like)


def _flat(tree: PyTree, like: jax.Array) -> jax.Array:
    return ravel_pytree(tree)[0].astype(like.dtype)


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)  # accelerators would round what is to be orthogonal
