"""Evolution strategies: the gradient of the smoothed loss, from losses alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.harvest.local import EvolutionStrategies, Keyed
from backprop_jax.harvest.rules import Binary, StraightThrough

RANDOM = np.random.default_rng(0)
BATCH = tuple(jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((6, 3), (6, 2)))


def test_its_mean_is_the_gradient_where_the_loss_is_quadratic() -> None:
    objective = bp.supervised(Keyed(bp.Dense(2)), bp.losses.MeanSquaredError())
    params, state = objective.init(jax.random.key(0), BATCH)
    (loss, after), true = bp.value_and_grad(objective)(params, state, BATCH)
    count = 2000

    def drawn(key):
        rule = EvolutionStrategies(pairs=2, sigma=0.5)  # the pairs take out what sigma does to a parabola
        (value, new_state), gradient = rule(objective)(params, state._replace(key=key), BATCH)
        return value, new_state.key, ravel_pytree(gradient)[0]

    values, keys, gradients = jax.jit(jax.vmap(drawn))(jax.random.split(jax.random.key(1), count))
    np.testing.assert_allclose(values, loss, rtol=1e-5)
    assert len(np.unique(jax.random.key_data(keys), axis=0)) == count and after.key != state.key
    true, spread = ravel_pytree(true)[0], np.std(gradients, 0)
    assert np.all(np.abs(np.mean(gradients, 0) - true) < 4.5 * spread / np.sqrt(count))
    np.testing.assert_allclose(spread**2, (np.sum(true**2) + true**2) / 2, rtol=0.3)


def test_it_sees_the_slope_of_a_step() -> None:
    """The loss (±1 - 0.5)² has no slope; smoothed it falls from 2.25 to 0.25 as a normal distribution rises."""
    objective = bp.supervised(
        Keyed(bp.chain(bp.Dense(1, use_bias=False), StraightThrough(Binary()))), bp.losses.MeanSquaredError()
    )
    batch = jnp.ones((1, 1)), jnp.full((1, 1), 0.5)
    _, state = objective.init(jax.random.key(0), batch)
    at, sigma = 0.3, 0.4
    rule = EvolutionStrategies(pairs=20_000, sigma=sigma)
    _, gradient = jax.jit(rule(objective))(({"w": jnp.full((1, 1), at)}, ()), state, batch)
    density = np.exp(-((at / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(gradient[0]["w"], -2 * density, rtol=0.05)


def test_refusals() -> None:
    for pairs, sigma in ((0, 0.1), (True, 0.1), (2, 0.0), (2, float("inf"))):
        with pytest.raises(ValueError, match="pairs, 1 or more, and a sigma above 0"):
            EvolutionStrategies(pairs, sigma)
    EvolutionStrategies(np.int64(2))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"draws at random: give it an objective of Keyed"):
        EvolutionStrategies()(bp.supervised(bp.Dense(2), bp.losses.MeanSquaredError()))({}, (), BATCH)
