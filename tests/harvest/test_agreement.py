"""Statistics of a batch against NumPy's, from gradients by jax.grad."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import alignment, cosines, example_gradients, gradient_statistics, gram

B = 5
OBJECTIVE = bp.supervised(bp.chain(bp.Dense(4), bp.Tanh(), bp.scan(bp.Dense(4), 2), bp.Dense(3)), losses.CrossEntropy())
RANDOM = np.random.default_rng(0)
BATCH = RANDOM.standard_normal((B, 6)).astype(np.float32), RANDOM.integers(0, 3, B)


@pytest.fixture(scope="module")
def found():
    """Our statistics, the gradients of the examples (B, P) by autodiff, and the starting point."""
    params, state = OBJECTIVE.init(jax.random.key(0), BATCH)

    def loss(params, x, target):
        return OBJECTIVE.forward(params, state, (x[None], target[None]))[0]

    gradients = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0)))(params, *BATCH)
    return jax.jit(gradient_statistics(OBJECTIVE))(params, state, BATCH), gradients, (params, state)


def _flat(gradients) -> np.ndarray:
    return np.concatenate([np.reshape(leaf, (B, -1)) for leaf in jax.tree.leaves(gradients)], 1).astype(np.float64)


def test_variance_noise_scale_and_ratios(found) -> None:
    ((_, gradient), statistics), gradients, _ = found
    rows = _flat(gradients)
    variance = rows.var(0, ddof=1).sum()
    square_norm = np.sum(rows.mean(0) ** 2) - variance / B
    np.testing.assert_allclose(statistics.norms, np.linalg.norm(rows, axis=1), rtol=1e-5)
    np.testing.assert_allclose(statistics.variance, variance, rtol=1e-4)
    np.testing.assert_allclose(statistics.square_norm, square_norm, rtol=1e-3)
    np.testing.assert_allclose(statistics.noise_scale, variance / square_norm, rtol=1e-3)
    ratios = jax.tree.map(lambda g: np.linalg.norm(np.mean(g, 0)) / np.sqrt(np.var(g, 0, ddof=1).sum() / B), gradients)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), statistics.signal_to_noise, ratios)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, np.mean(b, 0), atol=1e-6), gradient, gradients)


def test_angles_and_alignment(found) -> None:
    _, gradients, (params, state) = found
    rows = _flat(gradients)
    direction = jax.tree.map(jnp.cos, params)

    @jax.jit
    def ours(params, state):
        _, own = example_gradients(OBJECTIVE)(params, state, BATCH)
        return cosines(gram(own)), alignment(own, direction)

    angles, along = ours(params, state)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(angles, unit @ unit.T, atol=1e-5)
    flat_direction = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(direction)])
    np.testing.assert_allclose(along, rows @ flat_direction, rtol=1e-4, atol=1e-5)


def test_without_noise_or_signal_ratios_have_their_limits() -> None:
    """Two examples with the same gradient: 1 of one weight, 0 of the other."""
    model = bp.parallel(agreed=bp.Dense(1, use_bias=False), dead=bp.Dense(1, use_bias=False))
    objective = bp.chain(model, bp.from_function(lambda y: sum(part[:, 0] for part in y.values())))
    params, state = objective.init(jax.random.key(0), batch := {"agreed": jnp.ones((2, 1)), "dead": jnp.zeros((2, 1))})
    _, statistics = gradient_statistics(objective)(params, state, batch)
    ratios = statistics.signal_to_noise[0]
    assert ratios["agreed"]["w"] == np.inf and ratios["dead"]["w"] == 0
    assert statistics.variance == 0 == statistics.noise_scale and statistics.square_norm == 1
    _, statistics = gradient_statistics(objective)(params, state, jax.tree.map(jnp.zeros_like, batch))
    assert statistics.noise_scale == 0 and not np.any(statistics.norms)


def test_alike_examples_have_no_variance_and_one_example_is_refused(found) -> None:
    _, _, begun = found
    params, state = begun
    same = tuple(np.repeat(part[:1], B, 0) for part in BATCH)
    _, statistics = jax.jit(gradient_statistics(OBJECTIVE))(params, state, same)
    assert 0 <= statistics.variance < 1e-6 * statistics.square_norm
    np.testing.assert_array_equal(cosines(jnp.zeros((2, 2))), 0)
    with pytest.raises(ValueError, match="2 examples or more, not from 1"):
        gradient_statistics(OBJECTIVE)(params, state, tuple(part[:1] for part in BATCH))
