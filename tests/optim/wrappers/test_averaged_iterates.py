from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close

CENTER = np.array([1.0, -2.0, 0.5])


def run(optimizer: Any, start: Any, steps: int) -> tuple[Any, Any, Any]:
    """Parameters y, averages x and the state after steps down the slope of |y - CENTER|^2 / 2."""
    params, state = start, optimizer.init(start)
    for _ in range(steps):
        updates, state = jax.jit(optimizer.update)(params - CENTER, state, params)
        params = optim.apply_updates(params, updates)
    return params, optim.schedule_free_eval_params(state, params), state


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_sgd_is_that_of_the_paper(power: float) -> None:
    def rate(t: Any) -> Any:
        return 0.5 * t / 8  # a warm-up, for which the paper weights the average

    z = x = np.array([3.0, 3.0, 3.0])
    weights, b1 = 0.0, 0.8
    for t in range(1, 9):
        y = (1 - b1) * z + b1 * x
        z = z - rate(t) * (y - CENTER)
        weights += rate(t) ** power
        share = rate(t) ** power / weights
        x = (1 - share) * x + share * z
    # The optimizer's own count starts at 0, that of schedule_free at 1.
    optimizer = optim.schedule_free(optim.sgd(lambda t: rate(t + 1)), rate, b1, power)
    params, average, state = run(optimizer, jnp.full(3, 3.0), 8)
    np.testing.assert_allclose(average, x, rtol=1e-5)
    np.testing.assert_allclose(state.z, z, rtol=1e-5)
    np.testing.assert_allclose(params, (1 - b1) * z + b1 * x, rtol=1e-5)


def test_adamw_is_that_of_the_paper() -> None:
    z = x = np.array([3.0, 3.0, 3.0])
    nu, b1, b2, rate, decay = 0.0, 0.9, 0.95, 0.1, 0.1
    for t in range(1, 9):
        y = (1 - b1) * z + b1 * x
        gradient = y - CENTER
        nu = b2 * nu + (1 - b2) * gradient**2
        z = z - rate * (gradient / (np.sqrt(nu / (1 - b2**t)) + 1e-8) + decay * y)
        x = (1 - 1 / t) * x + z / t
    _, average, _ = run(optim.schedule_free_adamw(rate, b1=b1, b2=b2, weight_decay=decay), jnp.full(3, 3.0), 8)
    np.testing.assert_allclose(average, x, rtol=1e-5)


def test_without_warm_up_steps_there_is_no_warm_up() -> None:
    assert optim.schedule_free_sgd(0.1, warmup_steps=0) == optim.schedule_free_sgd(0.1)


def test_a_learning_rate_of_zero_changes_nothing() -> None:
    start = jnp.array([1.0, 2.0, 3.0])
    params, average, _ = run(optim.schedule_free(optim.sgd(0.0), 0.0), start, 3)
    assert params.tolist() == start.tolist()
    np.testing.assert_allclose(average, start, rtol=1e-6)


def test_small_steps_keep_their_digits() -> None:
    # y' - y, taken as a difference of two parameters near 1, has no digits left of a step of 1e-8.
    optimizer = optim.schedule_free(optim.sgd(1e-8), 1e-8, state_dtype="float32")
    state = optimizer.init(jnp.ones(2))
    state = state._replace(z=jnp.zeros(2))
    updates, _ = optimizer.update(jnp.ones(2), state._replace(weight_sum=jnp.array(1.0)), jnp.zeros(2))
    np.testing.assert_allclose(updates, -0.1e-8, rtol=1e-5)


def test_parameters_and_state_may_be_donated() -> None:
    optimizer = optim.schedule_free_sgd(0.1)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any) -> Any:
        return optimizer.update(params, state, params)

    params = {"w": jnp.ones(2), "none": None}
    updates, _ = step(params, optimizer.init(params))
    assert updates["none"] is None


def test_z_has_the_dtype_asked_for() -> None:
    optimizer = optim.schedule_free_sgd(0.1, state_dtype=jnp.bfloat16)
    shapes = {"w": jax.ShapeDtypeStruct((2,), jnp.float32)}
    assert optimizer.init(shapes).z["w"].dtype == jnp.bfloat16 and optimizer.state_dtype == "bfloat16"
    with pytest.raises(ValueError, match="would drop the imaginary part of a complex64 parameter"):
        optimizer.init(jnp.ones(2, jnp.complex64))


def test_eval_params_keep_dtypes_and_take_complex_ones() -> None:
    params = {"half": jnp.ones(2, jnp.bfloat16), "wave": jnp.array([1 + 2j]), "none": None}
    state = optim.schedule_free_sgd().init(params)
    average = optim.schedule_free_eval_params(state, params)
    assert average["half"].dtype == jnp.bfloat16 and average["none"] is None
    assert_close(average, params, 1e-6)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"schedule_free: b1 must be above 0, got 0.0"):
        optim.schedule_free_sgd(b1=0.0)
    for recipe in (optim.schedule_free_sgd, optim.schedule_free_adamw):
        with pytest.raises(ValueError, match=r"learning_rate must not be negative or NaN, got -1.0"):
            recipe(-1.0, warmup_steps=3)
    optimizer = optim.schedule_free_sgd()
    with pytest.raises(ValueError, match=r"needs the parameters; call update\(updates, state, params\)"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
    with pytest.raises(ValueError, match="needs a ScheduleFreeState, got a tuple; pass the part of the state"):
        optim.schedule_free_eval_params(optim.chain(optimizer).init(jnp.ones(2)), jnp.ones(2))  # type: ignore[arg-type]
