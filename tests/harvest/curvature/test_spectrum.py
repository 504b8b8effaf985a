"""Eigenvalues are NumPy's of the matrix, and the trace is that of the matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.curvature import gauss_newton_product, top_eigenvalues, trace
from backprop_jax.losses import CrossEntropy
from tests.harvest.curvature.tiny import CLASSES, PARAMS, X, dense, mlp

RANDOM = np.random.default_rng(0)
Q = np.linalg.qr(RANDOM.standard_normal((40, 40)))[0]
# Two clusters, a pair of equal ones at the top, and negative ones.
VALUES = np.concatenate([[9.0, 9.0, 5.0], np.full(20, 1.0), np.linspace(-2, 0.5, 17)])
MATRIX = ((Q * VALUES) @ Q.T).astype(np.float32)
LIKE = {"a": jnp.zeros((5, 4)), "b": jnp.zeros(20)}


def _product(matrix: np.ndarray):
    def product(vector):
        image = matrix @ jnp.concatenate([vector["a"].ravel(), vector["b"]])
        return {"a": image[:20].reshape(5, 4), "b": image[20:]}

    return product


def test_are_those_of_numpy() -> None:
    matrix = MATRIX + 0.1 * np.diag(np.arange(40)).astype(np.float32)  # all different
    found = jax.jit(lambda key: top_eigenvalues(_product(matrix), LIKE, key, 4, 40))(jax.random.key(0))
    np.testing.assert_allclose(found, np.linalg.eigvalsh(matrix)[::-1][:4], rtol=1e-5)


def test_of_a_net_are_those_of_numpy_of_its_whole_matrix() -> None:
    objective, state, batch = bp.supervised(mlp(), CrossEntropy()), ((), (), ()), (X, CLASSES)
    matrix = np.asarray(dense(objective, PARAMS, state, batch).gauss_newton, np.float64)

    @jax.jit
    def run(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        product = gauss_newton_product(objective)(PARAMS, state, batch)
        return top_eigenvalues(product, PARAMS, key, 3), trace(product, PARAMS, key, 1000)

    values, near = run(jax.random.key(0))
    expected = np.linalg.eigvalsh(matrix)[::-1]
    np.testing.assert_allclose(values, expected[:3], rtol=1e-4)
    deviation = np.sqrt(2 * (np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2)) / 1000)
    assert abs(near - expected.sum()) < 4 * deviation


def test_asks_for_exact_products() -> None:
    """Accelerators round the factors otherwise, and the vectors would not be orthogonal."""
    program = str(jax.make_jaxpr(lambda key: top_eigenvalues(lambda v: v, LIKE, key))(jax.random.key(0)))
    assert 0 < program.count("dot_general[") == program.count("precision=(Precision.HIGHEST")


def test_few_iterations_find_the_largest_and_a_multiple_one_is_found_as_often() -> None:
    find = jax.jit(lambda key: (top_eigenvalues(_product(MATRIX), LIKE, key), top_eigenvalues(
        lambda v: jax.tree.map(lambda leaf: 3 * leaf, v), LIKE, key, 2, 5)))  # fmt: skip
    largest, of_identity = find(jax.random.key(1))
    np.testing.assert_allclose(largest, [9.0], rtol=1e-4)
    np.testing.assert_allclose(of_identity, [3.0, 3.0], rtol=1e-5)  # where the first vector leads nowhere


def test_trace_is_exact_for_a_diagonal_and_near_for_others() -> None:
    diagonal = np.diag(VALUES).astype(np.float32)
    run = jax.jit(lambda key: (trace(_product(diagonal), LIKE, key), trace(_product(MATRIX), LIKE, key, 400)))
    exact, near = run(jax.random.key(0))
    np.testing.assert_allclose(exact, VALUES.sum(), rtol=1e-5)
    # The variance of a sample is twice the squares off the diagonal.
    deviation = np.sqrt(2 * (np.sum(MATRIX**2) - np.sum(np.diag(MATRIX) ** 2)) / 400)
    assert abs(near - VALUES.sum()) < 4 * deviation


def test_of_half_precision_are_found_in_float32() -> None:
    """The vectors that the product is given are of its dtype, those that are kept are not rounded to it."""
    like, diagonal = {"a": jnp.zeros(3, jnp.bfloat16)}, jnp.array([1, 2, 4], jnp.bfloat16)

    def product(vector):
        assert vector["a"].dtype == jnp.bfloat16
        return {"a": diagonal * vector["a"]}

    found, exact = jax.jit(lambda key: (top_eigenvalues(product, like, key), trace(product, like, key)))(
        jax.random.key(0)
    )
    assert found.dtype == exact.dtype == jnp.float32
    np.testing.assert_allclose(found, [4.0], rtol=2e-2)
    assert exact == 7


def test_bad_counts_are_refused() -> None:
    key, product = jax.random.key(0), _product(MATRIX)
    for count, iterations in ((0, None), (6, 5), (1, 41)):
        with pytest.raises(ValueError, match="top_eigenvalues of 40 numbers needs"):
            top_eigenvalues(product, LIKE, key, count, iterations)
    with pytest.raises(ValueError, match="samples, 1 or more, not 0"):
        trace(product, LIKE, key, 0)
    with pytest.raises(ValueError, match="samples, 1 or more, not True"):
        trace(product, LIKE, key, True)
    assert jax.eval_shape(lambda: trace(product, LIKE, key, np.int64(2))).shape == ()  # type: ignore[arg-type]
