"""The diagonal is that of the matrices, for every form in which gradients of examples are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.core.example_gradients import Each, ExampleGradients, Several
from backprop_jax.harvest.curvature import curvature_diagonal
from backprop_jax.layers.example_gradients import Beside, Lookup, Outer, Rows
from backprop_jax.losses import CrossEntropy, MeanSquaredError
from tests.harvest.curvature.tiny import CLASSES, NUMBERS, PARAMS, X, dense, mlp

STATE: Any = ((), (), ())
# Of BackPACK 1.7.1's DiagGGNExact in float32, for CrossEntropy on X, CLASSES and PARAMS.
BACKPACK: Any = [
    (
        0,
        "w",
        [
            [0.054508, 0.0672084, 0.0408624],
            [0.0576861, 0.0845686, 0.0278975],
            [0.0296397, 0.0239576, 0.0455441],
            [0.0208427, 0.0299289, 0.0121587],
        ],
    ),
    (0, "b", [0.0611799, 0.0751675, 0.0333164]),
    (2, "w", [[0.052317, 0.0578122, 0.0695206], [0.0610817, 0.0653808, 0.0831654], [0.0090008, 0.0099772, 0.0118598]]),
    (2, "b", [0.1897018, 0.2197945, 0.2328978]),
]


def _draw(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).standard_normal(shape), jnp.float32)


FORMS = {
    "Outer": Outer.of(_draw(3, 4), _draw(3, 2), jnp.float32),
    "Outer of steps": Outer.of(_draw(3, 5, 4), _draw(3, 5, 2), jnp.float32),
    "Rows": Rows.of(_draw(3, 5, 2), jnp.float32),
    "Beside": Beside((Outer.of(_draw(3, 4), _draw(3, 2), jnp.float32), Each.of(_draw(3, 4, 1), jnp.float32))),
    "Each": Each.of(_draw(3, 2, 2), jnp.float32),
    "Lookup": Lookup.of(jnp.array([[0, 3, 3, 9], [1, 1, 1, 1], [-1, 2, 0, 3]]), _draw(3, 4, 2), 4, jnp.float32),
    "Several": Several((Outer.of(_draw(3, 4), _draw(3, 2), jnp.float32), Each.of(_draw(3, 4, 2), jnp.float32))),
}


def test_square_sums_are_those_of_the_gradients() -> None:
    def both(own: ExampleGradients) -> tuple[jax.Array, jax.Array]:
        return own.square_sum(), own.each()

    found = jax.jit(lambda forms: {name: both(own) for name, own in forms.items()})(FORMS)
    for name, (squares, each) in found.items():
        np.testing.assert_allclose(squares, np.sum(np.square(each), 0), rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(("loss", "target"), [(CrossEntropy(), CLASSES), (MeanSquaredError(), NUMBERS)], ids=str)
def test_is_that_of_the_matrices(loss: bp.Layer, target: np.ndarray) -> None:
    objective, batch, key = bp.supervised(mlp(), loss), (X, target), jax.random.key(0)
    expected = dense(objective, PARAMS, STATE, batch)

    @jax.jit
    def diagonals(key: jax.Array) -> list[jax.Array]:
        cases = ("exact", 1), ("empirical", 1), ("sampled", 4000)
        results = [curvature_diagonal(objective, how, count)(PARAMS, STATE, batch, key) for how, count in cases]
        return [ravel_pytree(diagonal)[0] for _, diagonal in results]

    exact, empirical, sampled = diagonals(key)
    truth = np.diag(expected.gauss_newton)
    np.testing.assert_allclose(exact, truth, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(empirical, np.mean(np.square(expected.gradients), 0), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(sampled, truth, atol=0.1 * truth.max())


def test_of_a_sequence_under_scan_is_that_of_the_matrices() -> None:
    model = bp.chain(bp.Embedding(5, 2), bp.scan(bp.skip(bp.chain(bp.RMSNorm(), bp.Dense(2))), 2), bp.Dense(2))
    objective = bp.supervised(model, CrossEntropy(ignore_index=-1))
    batch = np.array([[0, 3, 3], [4, 1, 4]]), np.array([[1, 0, 1], [0, -1, 1]])

    @jax.jit
    def both(key: jax.Array) -> tuple[jax.Array, ...]:
        params, state = objective.init(key, batch)
        (value, _), diagonal = curvature_diagonal(objective, "exact")(params, state, batch)
        return params, state, diagonal, value

    params, state, diagonal, value = both(jax.random.key(0))
    matrices = dense(objective, params, state, batch)
    np.testing.assert_allclose(ravel_pytree(diagonal)[0], np.diag(matrices.gauss_newton), rtol=2e-4, atol=1e-7)
    np.testing.assert_allclose(value, objective.forward(params, state, batch)[0], rtol=1e-5)


def test_is_that_of_backpack() -> None:
    objective = bp.supervised(mlp(), CrossEntropy())
    _, found = jax.jit(curvature_diagonal(objective, "exact"))(PARAMS, STATE, (X, CLASSES))
    for number, name, expected in BACKPACK:
        np.testing.assert_allclose(found[number][name], expected, rtol=2e-4, atol=1e-7)
