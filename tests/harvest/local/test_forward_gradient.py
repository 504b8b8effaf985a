"""Forward gradients: right in the mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.harvest.local import ForwardGradient, Keyed

RANDOM = np.random.default_rng(0)
BATCH = tuple(jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((6, 3), (6, 2)))
MODEL = bp.chain(bp.Dense(4), bp.Tanh(), bp.Dense(2))
OBJECTIVE = bp.supervised(Keyed(MODEL), bp.losses.MeanSquaredError())


def test_its_mean_over_many_keys_is_the_gradient() -> None:
    params, state = OBJECTIVE.init(jax.random.key(0), BATCH)
    (loss, after), true = bp.value_and_grad(OBJECTIVE)(params, state, BATCH)
    count = 4000

    def drawn(key):
        (value, new_state), gradient = ForwardGradient(2)(OBJECTIVE)(params, state._replace(key=key), BATCH)
        return value, new_state.key, ravel_pytree(gradient)[0]

    values, keys, gradients = jax.jit(jax.vmap(drawn))(jax.random.split(jax.random.key(1), count))
    np.testing.assert_allclose(values, loss, rtol=1e-5)
    assert len(np.unique(jax.random.key_data(keys), axis=0)) == count and after.key != state.key
    true, spread = ravel_pytree(true)[0], np.std(gradients, 0)
    assert np.all(np.abs(np.mean(gradients, 0) - true) < 4.5 * spread / np.sqrt(count))
    # of one direction the variance is |∇L|² + (∂L/∂p)² each, as of a product of normal numbers; of two the half
    np.testing.assert_allclose(spread**2, (np.sum(true**2) + true**2) / 2, rtol=0.25)


def test_it_draws_from_the_state_of_a_keyed_model() -> None:
    plain = bp.supervised(MODEL, OBJECTIVE.loss)
    params, state = plain.init(jax.random.key(0), BATCH)
    with pytest.raises(
        ValueError, match=r"ForwardGradient\(.*\) draws at random: give it an objective of Keyed\(model\)"
    ):
        ForwardGradient()(plain)(params, state, BATCH)
    for directions in (0, True):
        with pytest.raises(ValueError, match=f"directions, 1 or more, not {directions}"):
            ForwardGradient(directions)
    ForwardGradient(np.int64(2))  # pyright: ignore[reportArgumentType]


def test_whole_numbers_among_the_parameters_have_no_gradient() -> None:
    def affine(params, x):
        return x * params["scale"] + params["steps"]

    model = bp.from_function(affine, lambda key, x: {"scale": jnp.float32(2), "steps": jnp.int32(3)})
    objective = bp.supervised(Keyed(model), bp.losses.MeanSquaredError())
    batch = BATCH[1], BATCH[1]
    params, state = objective.init(jax.random.key(0), batch)
    _, gradient = ForwardGradient()(objective)(params, state, batch)
    assert gradient["steps"] is None and jnp.isfinite(gradient["scale"])
