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
