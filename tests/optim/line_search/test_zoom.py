from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax._src import linesearch as optax_linesearch

from backprop_jax import optim
from tests.optim.problems import PROBLEMS, any_problem

STEPS = 24
OPTIONS: list[dict[str, Any]] = [
    {},
    {
        "max_stepsize": 2.0,
        "tol": 1e-3,
        "increase_factor": 3.0,
        "slope_rtol": 0.3,
        "curv_rtol": 1e-3,
        "approx_dec_rtol": None,
        "interval_threshold": 1e-2,
    },
]


def starts() -> tuple[jax.Array, ...]:
    """Points, directions, problems and first stepsizes: of the directions, every fourth points uphill."""
    numbers = np.random.default_rng(0)
    count = 8 * len(PROBLEMS)
    points = jnp.asarray(np.abs(numbers.normal(size=(count, 2))))
    problems = jnp.tile(jnp.arange(len(PROBLEMS)), 8)
    gradients = jax.vmap(jax.grad(any_problem))(points, problems)
    scales = np.where(np.arange(count) % 4, -1.0, 1.0)[:, None] * numbers.uniform(size=(count, 2))
    return points, scales * gradients, problems, jnp.asarray(numbers.uniform(0.1, 5.0, size=count))


def all_states(search: Any, points: Any, directions: Any, problems: Any, guesses: Any) -> Any:
    """Every state of every search, along two first axes."""
    init, step, goes_on = search

    def one(point: Any, direction: Any, problem: Any, guess: Any) -> Any:
        value, grad = jax.value_and_grad(any_problem)(point, problem)
        start = init(direction, point, value=value, grad=grad, prev_stepsize=guess, initial_guess_strategy="keep")

        def next_state(state: Any, _: None) -> Any:
            new = step(state, value_and_grad_fn=jax.value_and_grad(any_problem), fn_kwargs={"number": problem})
            new = jax.tree.map(lambda a, b: jnp.where(goes_on(state), a, jnp.asarray(b, a.dtype)), new, state)
            return new, new

        start = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), start)
        return jax.lax.scan(next_state, start, length=STEPS)[1]

    return jax.jit(jax.vmap(one))(points, directions, problems, guesses)


@pytest.mark.parametrize("options", OPTIONS, ids=["as they are", "all changed"])
def test_every_step_is_that_of_optax(options: dict[str, Any]) -> None:
    with jax.enable_x64(True):
        searches = (module.zoom_linesearch(max_linesearch_steps=20, **options) for module in (optim, optax_linesearch))
        mine, other = (all_states(search, *starts()) for search in searches)
        assert mine._fields == other._fields
        for name in mine._fields:
            np.testing.assert_allclose(getattr(mine, name), getattr(other, name), rtol=1e-6, err_msg=name)
        # Searches of all kinds took part.
        assert mine.done[:, -1].any() and mine.failed[:, -1].any() and mine.interval_found[:, -1].any()
        assert len(np.unique(mine.count[:, -1])) > 5


def test_the_stepsizes_meet_the_wolfe_conditions() -> None:
    with jax.enable_x64(True):
        points, directions, problems, guesses = starts()
        search = optim.zoom_linesearch(20, approx_dec_rtol=None, slope_rtol=1e-2, curv_rtol=0.2)
        end = jax.tree.map(lambda leaf: leaf[:, -1], all_states(search, points, directions, problems, guesses))
        line = lambda eta, point, direction, problem: any_problem(point + eta * direction, problem)
        values_and_slopes = jax.vmap(jax.value_and_grad(line))
        value0, slope0 = values_and_slopes(jnp.zeros(len(points)), points, directions, problems)
        value, slope = values_and_slopes(end.stepsize, points, directions, problems)
        done = np.asarray(end.done)
        assert done.sum() > len(points) / 3
        assert (value <= value0 + 1e-2 * end.stepsize * slope0)[done].all()
        assert (jnp.abs(slope) <= 0.2 * jnp.abs(slope0))[done].all()
        np.testing.assert_allclose(value[done], end.value[done])


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="zoom_linesearch: max_linesearch_steps must be above 0, got 0; 20 is usual"):
        optim.zoom_linesearch(0)
    with pytest.raises(ValueError, match="zoom_linesearch: curv_rtol must not be negative or NaN, got -1"):
        optim.zoom_linesearch(20, curv_rtol=-1)
    search = optim.zoom_linesearch(20)
    with pytest.raises(ValueError, match="initial_guess_strategy must be 'one' or 'keep', got 'two'"):
        search.init(jnp.ones(2), jnp.ones(2), value=1.0, grad=jnp.ones(2), initial_guess_strategy="two")


def test_is_a_value() -> None:
    assert optim.zoom_linesearch(20) == optim.zoom_linesearch(max_linesearch_steps=20) != optim.zoom_linesearch(21)
    assert eval(repr(optim.zoom_linesearch(20)), dict(vars(optim))) == optim.zoom_linesearch(20)
