from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.optim.line_search.interpolation import cubic_minimum, parabola_minimum, stepsize_between
from backprop_jax.optim.line_search.wolfe_conditions import Point


def point(polynomial: np.polynomial.Polynomial, x: float) -> Point:
    return Point(jnp.array(x), jnp.array(polynomial(x)), jnp.array(polynomial.deriv()(x)))


def test_a_parabola_and_a_cubic_are_met_exactly() -> None:
    parabola = np.polynomial.Polynomial([1.0, -3.0, 2.0])  # flat at 3/4
    low, high = point(parabola, 0.5), point(parabola, 2.0)
    np.testing.assert_allclose(parabola_minimum(low, high.stepsize, high.value), 0.75, rtol=1e-6)
    cubic = np.polynomial.Polynomial([0.0, -3.0, 0.0, 1.0])  # flat at -1, where it has its maximum, and at 1
    low, high, third = (point(cubic, x) for x in (0.2, 1.5, 2.0))
    np.testing.assert_allclose(cubic_minimum(low, high.stepsize, high.value, *third[:2]), 1.0, rtol=1e-5)


@pytest.mark.parametrize(("minimum", "expected"), [(0.5, 0.5), (0.05, 0.5), (0.15, 0.15), (0.95, 0.5)])
def test_near_an_end_the_middle_is_taken(minimum: float, expected: float) -> None:
    # The third point is the first, as in a new interval: there is no cubic.
    parabola = np.polynomial.Polynomial([minimum**2, -2 * minimum, 1.0])
    low, high = point(parabola, 0.0), point(parabola, 1.0)
    for one, other in ((low, high), (high, low)):
        np.testing.assert_allclose(stepsize_between(one, other, one[:2]), expected, rtol=1e-5)


def test_a_cubic_goes_before_a_parabola() -> None:
    cubic = np.polynomial.Polynomial([0.0, -3.0, 0.0, 1.0])
    low, high, third = (point(cubic, x) for x in (0.2, 1.5, 2.0))
    np.testing.assert_allclose(stepsize_between(low, high, third[:2]), 1.0, rtol=1e-5)
