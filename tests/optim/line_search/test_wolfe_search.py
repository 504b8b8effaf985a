from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.problems import rosenbrock


def update(transform: Any, state: Any, params: Any, function: Any = rosenbrock) -> tuple[Any, Any]:
    value, grad = jax.value_and_grad(function)(params)
    return transform.update(-grad, state, params, value=value, grad=grad, value_fn=function)


def test_state_holds_value_and_gradient_of_the_next_point() -> None:
    transform, params = optim.scale_by_zoom_linesearch(20), jnp.array([-1.2, 1.0])
    updates, state = update(transform, transform.init(params), params)
    value, grad = jax.value_and_grad(rosenbrock)(params + updates)
    np.testing.assert_allclose(state.value, value, rtol=1e-5)
    np.testing.assert_allclose(state.grad, grad, rtol=1e-4)
    assert state.info.decrease_error == state.info.curvature_error == 0


@pytest.mark.parametrize(("strategy", "steps"), [("keep", 1), ("one", 5)])
def test_first_stepsize(strategy: str, steps: int) -> None:
    # Of a parabola with curvature 1/16, stepsizes from 16 (1 - 0.1) on have a small enough slope: 1, 2, 4, 8, 16.
    parabola = lambda x: jnp.sum(x**2) / 32
    transform = optim.scale_by_zoom_linesearch(20, curv_rtol=0.1, initial_guess_strategy=strategy)
    params = jnp.ones(3)
    state = transform.init(params)._replace(learning_rate=jnp.array(16.0))
    updates, state = update(transform, state, params, parabola)
    assert state.info.num_linesearch_steps == steps
    np.testing.assert_allclose(updates, -jnp.ones(3), rtol=1e-6)


def test_many_searches_at_once_are_each_alone() -> None:
    transform = optim.scale_by_zoom_linesearch(20, curv_rtol=0.1)
    points = jnp.asarray(np.random.default_rng(0).normal(size=(6, 2)), jnp.float32)

    def two_steps(params: Any) -> Any:
        def step(carry: Any, _: None) -> Any:
            params, state = carry
            updates, state = update(transform, state, params)
            return (params + updates, state), None

        return jax.lax.scan(step, (params, transform.init(params)), length=2)[0]

    together, alone = jax.jit(jax.vmap(two_steps))(points), jax.jit(two_steps)
    for i, point in enumerate(points):
        params, state = alone(point)
        np.testing.assert_allclose(together[0][i], params, rtol=1e-3)
        assert together[1].info.num_linesearch_steps[i] == state.info.num_linesearch_steps


@pytest.mark.parametrize(
    "optimizer",
    [optim.lbfgs(), optim.lbfgs(linesearch=optim.scale_by_backtracking_linesearch(5, store_grad=True))],
    ids=["zoom", "backtracking"],
)
def test_parameters_and_state_may_be_donated(optimizer: Any) -> None:
    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any) -> Any:
        value, grad = optim.value_and_grad_from_state(rosenbrock)(params, state=state)
        updates, state = optimizer.update(grad, state, params, value=value, grad=grad, value_fn=rosenbrock)
        return params + updates, state

    params = jnp.array([-1.2, 1.0])
    state = optimizer.init(params)
    for _ in range(3):
        params, state = step(params, state)
    assert rosenbrock(params) < 5


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="initial_guess_strategy must be 'one' or 'keep', got 'two'"):
        optim.scale_by_zoom_linesearch(20, initial_guess_strategy="two")
    with pytest.raises(ValueError, match="max_stepsize must be above 0, got 0"):
        optim.scale_by_zoom_linesearch(20, max_learning_rate=0)
