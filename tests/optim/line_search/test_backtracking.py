from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.problems import rosenbrock


def loss(params: Any) -> jax.Array:
    return rosenbrock(params["x"]) + jnp.sum(params["y"] ** 2)


PARAMS = {"x": jnp.array([-1.2, 1.0]), "y": jnp.array([3.0]), "frozen": None}


def search(transform: Any, params: Any = PARAMS, **changes: Any) -> tuple[Any, Any]:
    value, grad = jax.value_and_grad(loss)(params)
    arguments = {"value": value, "grad": grad, "value_fn": loss} | changes
    downhill = jax.tree.map(jnp.negative, grad)
    return transform.update(downhill, transform.init(params), params, **arguments)


def slow_search(shrink: float, slope_rtol: float, first: float, steps: int) -> tuple[float, int]:
    """The stepsize and the number of those tried, by the definition, in double precision."""
    x, y = np.array([-1.2, 1.0]), 3.0
    f = lambda x, y: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + y**2
    gradient = np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])
    slope = -(gradient @ gradient + 4 * y**2)
    stepsize, tried = first, 1
    while f(x - stepsize * gradient, y - stepsize * 2 * y) > f(x, y) + slope_rtol * stepsize * slope and tried <= steps:
        stepsize, tried = shrink * stepsize, tried + 1
    return stepsize, tried


@pytest.mark.parametrize("steps", [5, 40])
def test_finds_what_the_definition_says(steps: int) -> None:
    transform = optim.scale_by_backtracking_linesearch(steps, 0.1, 0.7, max_learning_rate=1.2)
    updates, state = search(transform)
    stepsize, tried = slow_search(0.7, 0.1, 1.2, steps)
    assert state.info.num_linesearch_steps == tried
    np.testing.assert_allclose(state.learning_rate, stepsize, rtol=1e-6)
    np.testing.assert_allclose(updates["y"], -stepsize * 6.0, rtol=1e-6)
    assert (state.info.decrease_error > 0) == (tried > steps)


def test_stores_the_gradient_where_it_ends() -> None:
    updates, state = search(optim.scale_by_backtracking_linesearch(40, store_grad=True))
    value, grad = jax.value_and_grad(loss)(optim.apply_updates(PARAMS, updates))
    np.testing.assert_allclose(state.value, value, rtol=1e-5)
    np.testing.assert_allclose(state.grad["x"], grad["x"], rtol=1e-4)
    assert search(optim.scale_by_backtracking_linesearch(40))[1].grad is None


def test_does_not_move_where_no_value_is_finite() -> None:
    nowhere = lambda params: jnp.where(jnp.all(params["y"] == 3.0), loss(params), jnp.nan)
    updates, state = search(optim.scale_by_backtracking_linesearch(3), value_fn=nowhere)
    assert state.learning_rate == 0 and jnp.all(updates["x"] == 0) and jnp.isinf(state.info.decrease_error)


def test_starts_from_the_stepsize_before() -> None:
    transform = optim.scale_by_backtracking_linesearch(0, increase_factor=1.5, max_learning_rate=10.0)
    value, grad = jax.value_and_grad(loss)(PARAMS)
    state, stepsizes = transform.init(PARAMS), []
    for _ in range(8):
        _, state = transform.update(grad, state, PARAMS, value=value, grad=grad, value_fn=lambda params: value - 1e9)
        stepsizes.append(float(state.learning_rate))
    np.testing.assert_allclose(stepsizes, np.minimum(1.5 ** np.arange(1, 9), 10.0))


def test_further_arguments_go_to_the_function() -> None:
    transform = optim.scale_by_backtracking_linesearch(10)
    of_batch = lambda params, batch: loss(params) * batch
    assert search(transform, value_fn=of_batch, batch=1.0)[1].value == search(transform)[1].value
    with pytest.raises(TypeError, match=r"Unexpected keyword arguments \['bach'\], which value_fn does not take"):
        search(transform, value_fn=of_batch, bach=1.0)


@pytest.mark.parametrize("transform", [optim.scale_by_backtracking_linesearch(10), optim.scale_by_zoom_linesearch(10)])
def test_what_is_missing_is_named_with_the_call(transform: Any) -> None:
    state = transform.init(PARAMS)
    call = r"call update\(updates, state, params, value=value, grad=grad, value_fn=value_fn\)"
    with pytest.raises(TypeError, match=f"update needs value and value_fn; {call}"):
        transform.update(PARAMS, state, PARAMS, grad=PARAMS)
    with pytest.raises(ValueError, match=r"update needs the parameters; call update\(updates, state, params\)"):
        transform.update(PARAMS, state, value=1.0, grad=PARAMS, value_fn=loss)


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="scale_by_backtracking_linesearch: decrease_factor must be above 0, got 0"):
        optim.scale_by_backtracking_linesearch(10, decrease_factor=0)
    with pytest.raises(ValueError, match="max_backtracking_steps must not be negative or NaN, got -1"):
        optim.scale_by_backtracking_linesearch(-1)


def test_options_may_be_traced_and_batched() -> None:
    rates = jnp.array([0.5, 1.0])
    run = lambda rate: search(optim.scale_by_backtracking_linesearch(40, max_learning_rate=rate))[1]
    together = jax.jit(jax.vmap(run))(rates)
    for i, rate in enumerate(rates):
        np.testing.assert_allclose(together.learning_rate[i], run(rate).learning_rate, rtol=1e-6)


def test_half_precision_is_searched_in_float32() -> None:
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)
    updates, state = search(optim.scale_by_backtracking_linesearch(40, store_grad=True), params)
    assert updates["x"].dtype == state.learning_rate.dtype == state.grad["x"].dtype == jnp.bfloat16
    assert loss(optim.apply_updates(params, updates)) < loss(params)


def test_empty_tree() -> None:
    transform = optim.scale_by_backtracking_linesearch(3)
    _, state = transform.update({}, transform.init({}), {}, value=1.0, grad={}, value_fn=lambda params: 1.0)
    assert state.learning_rate == 1
