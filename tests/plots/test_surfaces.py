"""The ways of optimizers down the classic surfaces."""

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim, plots

LOWEST = {"bowl": (0, 0), "Rosenbrock": (1, 1), "Beale": (3, 0.5), "saddle": (0, 2**0.5)}  # as in the literature


@pytest.mark.parametrize("name", plots.SURFACES)
def test_the_least_value_is_zero_and_inside_the_window(name: str) -> None:
    surface = plots.SURFACES[name]
    assert abs(surface.function(*LOWEST[name])) < 1e-12
    left, right, bottom, top = surface.window
    for x, y in (surface.start, LOWEST[name]):
        assert left <= x <= right and bottom <= y <= top


def test_gradient_descent_on_the_bowl() -> None:
    values, places = plots.descend(plots.SURFACES["bowl"], optim.sgd, jnp.array([0.01, 0.02]), 3)
    # Each step takes x by (1 - rate) and y by (1 - 50 rate) nearer.
    x, y = -4 * np.array([[1, 0.99, 0.99**2], [1, 0.98, 0.98**2]]), 1.5 * np.array([[1, 0.5, 0.25], [1, 0, 0]])
    np.testing.assert_allclose(places, np.stack([x, y], -1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(values, (x**2 + 50 * y**2) / 2, rtol=1e-5)


def test_the_rate_that_takes_the_fewest_steps() -> None:
    bowl, rates = plots.SURFACES["bowl"], jnp.array([0.001, 0.02, 0.05])  # the last diverges
    steps, rate, places = plots.fastest_descent(bowl, optim.sgd, rates, 1000)
    # y is 0 after one step, and x = -4 (1 - rate)^k. Below the goal from x^2 / 2 < 0.001 on.
    assert rate == pytest.approx(0.02)
    assert steps == int(np.ceil(np.log(np.sqrt(0.002) / 4) / np.log(0.98)))
    assert places.shape == (steps + 1, 2)
    assert tuple(places[0]) == bowl.start


def test_who_does_not_come_down() -> None:
    bowl = plots.SURFACES["bowl"]
    assert plots.fastest_descent(bowl, optim.sgd, jnp.array([0.001, 0.05]), 300).steps is None
    reached = plots.fastest_descent(bowl, optim.sgd, jnp.array([0.02]), 400).steps
    assert reached == 223
    assert plots.fastest_descent(bowl, optim.sgd, jnp.array([0.02]), 400, stays=200).steps is None
