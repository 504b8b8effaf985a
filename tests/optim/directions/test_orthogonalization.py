from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.optim.directions.orthogonalization import PRECONDITIONINGS, orthogonalize

CONVERGING = (2.0, -1.5, 0.5)
USUAL = (3.4445, -4.7750, 2.0315)
SHAPES = [(4, 4), (3, 5), (6, 2), (1, 4), (2, 3, 4), (2, 2, 5, 3)]


def matrices(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=shape)
    return (x + 1j * numbers.normal(size=shape) if dtype == "complex64" else x).astype(dtype)


def of_singular_values(x: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """U f(S) Vᴴ, in double precision."""
    u, s, vh = np.linalg.svd(x.astype(np.complex128), full_matrices=False)
    return u * function(s)[..., None, :] @ vh


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("how", "bound"),
    [
        ("frobenius", lambda s: np.sqrt((s**2).sum(-1, keepdims=True))),
        ("spectral", lambda s: s.max(-1, keepdims=True)),
        ("schatten", lambda s: (s**4).sum(-1, keepdims=True) ** 0.25),
    ],
)
def test_singular_values_go_through_the_polynomial(
    how: str, bound: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: str
) -> None:
    def five_steps(s: np.ndarray) -> np.ndarray:
        s, (a, b, c) = s / bound(s), USUAL
        for _ in range(5):
            s = a * s + b * s**3 + c * s**5
        return s

    x = matrices(shape, dtype)
    made = orthogonalize(jnp.asarray(x), jnp.asarray(USUAL), 5, how, 1e-8)
    assert made.dtype == dtype
    np.testing.assert_allclose(made, of_singular_values(x, five_steps), atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", PRECONDITIONINGS)
def test_converges_to_a_matrix_with_singular_values_of_one(how: str, shape: tuple[int, ...], dtype: str) -> None:
    x = matrices(shape, dtype)
    made = np.asarray(orthogonalize(jnp.asarray(x), jnp.asarray(CONVERGING), 20, how, 1e-8))
    np.testing.assert_allclose(np.linalg.svd(made, compute_uv=False), 1.0, atol=1e-5)
    if how != "aol":  # whose rows are scaled one by one, which turns the singular vectors
        np.testing.assert_allclose(made, of_singular_values(x, np.ones_like), atol=1e-5)


def test_aol_divides_rows_by_a_bound_on_the_largest_singular_value() -> None:
    x = matrices((3, 5), "float32")
    made = orthogonalize(jnp.asarray(x), jnp.asarray((1.0, 0.0, 0.0)), 1, "aol", 1e-8)
    np.testing.assert_allclose(made, x / np.sqrt(np.abs(x @ x.T).sum(1, keepdims=True)), rtol=1e-5)
    assert np.linalg.norm(np.asarray(made), 2) <= 1.0


@pytest.mark.parametrize("how", PRECONDITIONINGS)
def test_a_row_of_coefficients_for_each_step(how: str) -> None:
    x = jnp.asarray(matrices((3, 4), "float32"))
    by_rows = orthogonalize(x, jnp.asarray([USUAL] * 3), 99, how, 1e-8)
    np.testing.assert_allclose(by_rows, orthogonalize(x, jnp.asarray(USUAL), 3, how, 1e-8), rtol=1e-6)


@pytest.mark.parametrize("how", PRECONDITIONINGS)
def test_zero_stays_zero_and_a_row_of_zeros_too(how: str) -> None:
    zeros = jnp.zeros((2, 3, 4))
    assert (orthogonalize(zeros, jnp.asarray(USUAL), 5, how, 1e-8) == 0).all()
    x = jnp.asarray(matrices((3, 4), "float32")).at[1].set(0.0)
    made = np.asarray(orthogonalize(x, jnp.asarray(CONVERGING), 20, how, 1e-8))
    assert (made[1] == 0).all()
    np.testing.assert_allclose(np.linalg.svd(made, compute_uv=False), [1, 1, 0], atol=1e-5)
