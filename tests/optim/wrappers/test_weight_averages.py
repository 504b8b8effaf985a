"""The average of the parameters is that of NumPy, and the training is what it would be without."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim, testing
from tests.optim.oracle import rejects_update

GRADIENTS = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
START = jnp.ones(3)


def trained(optimizer: optim.Transform) -> tuple[np.ndarray, np.ndarray]:
    """The parameters after each step, and the averages, (steps, 3)."""

    def step(carry, gradient):
        params, state = carry
        updates, state = optimizer.update(gradient, state, params)
        params = optim.apply_updates(params, updates)
        return (params, state), (params, optim.averaged_params((state, optax.EmptyState())))

    run = jax.jit(lambda: jax.lax.scan(step, (START, optimizer.init(START)), GRADIENTS)[1])
    params, averages = run()
    return np.asarray(params, np.float64), np.asarray(averages, np.float64)


def test_a_decaying_average_is_optax_debiased_one() -> None:
    params, averages = trained(optim.average_params(optim.sgd(0.1), decay=0.8))
    np.testing.assert_allclose(params, 1 - 0.1 * np.cumsum(GRADIENTS, 0), rtol=1e-5)  # the average touches nothing
    ema = optax.ema(0.8)
    state = ema.init(START)
    for position, point in enumerate(params):
        expected, state = ema.update(jnp.asarray(point, jnp.float32), state)
        np.testing.assert_allclose(averages[position], np.asarray(expected), rtol=1e-5)


def test_an_equal_average_begins_late_and_takes_every_third() -> None:
    params, averages = trained(optim.average_params(optim.sgd(0.1), start=4, every=3))
    for step, average in enumerate(averages, 1):
        chosen = params[[other - 1 for other in (7, 10) if other <= step]]
        np.testing.assert_allclose(average, chosen.mean(0) if len(chosen) else params[step - 1], rtol=1e-6)


def test_it_is_a_transform_whose_average_is_in_float32() -> None:
    params = {"w": jnp.full((2, 3), 0.5, jnp.bfloat16), "b": [jnp.ones(3), None]}
    optimizer = optim.average_params(optim.sgd(1e-3), decay=0.5)
    testing.check_transform(optimizer, params, steps=2)
    state = optimizer.init(params)
    assert optim.averaged_params(state)["w"].dtype == jnp.float32
    assert optim.averaged_params(state, params)["w"].dtype == jnp.bfloat16
    assert optim.averaged_params(state)["b"][0] is not params["b"][0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(TypeError, match="average_params: the optimizer is"):
        optim.average_params(optim.sgd)  # type: ignore[arg-type]
    for name, wrong in (("decay", 1), ("start", -1), ("every", 0)):
        with pytest.raises(ValueError, match=name):
            optim.average_params(optim.sgd(0.1), **{name: wrong})
    optimizer = optim.average_params(optim.sgd(0.1))
    assert "update needs the parameters" in rejects_update(optimizer, START, optimizer.init(START))
    with pytest.raises(ValueError, match="holds 0 averages"):
        optim.averaged_params(optim.adam(0.1).init(START))
    with pytest.raises(ValueError, match="holds 2 averages"):
        optim.averaged_params((optimizer.init(START),) * 2)


@pytest.mark.parametrize("decay", [0.0, 0.9999, 0.999999, 0.99999999])
def test_the_first_average_is_the_first_parameters_however_near_to_1_the_decay(decay: float) -> None:
    optimizer = optim.average_params(optim.sgd(1.0), decay=decay)
    params = jnp.zeros(2)
    _, state = optimizer.update(-jnp.ones(2), optimizer.init(params), params)
    np.testing.assert_allclose(optim.averaged_params(state), 1.0, rtol=1e-6)
