from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.optim.line_search.wolfe_conditions import Point, curvature_error, decrease_error, violation

START = Point(jnp.array(0.0), jnp.array(10.0), jnp.array(-2.0))


def at(value: float, slope: float) -> Point:
    return Point(jnp.array(0.5), jnp.array(value), jnp.array(slope))


@pytest.mark.parametrize(
    ("value", "slope", "tolerance", "expected"),
    [
        (9.8, 0.0, None, 0.0),  # 10 - 0.1 * 0.5 * 2 = 9.9 is allowed
        (9.95, 0.0, None, 0.05),
        (9.95, 1.0, 0.1, 0.0),  # the slope may be up to 0.8 * 2, and the value up to 11
        (10.5, 1.9, 0.1, 0.3),  # by the slope: 1.9 - 1.6
        (11.2, 1.0, 0.1, 0.2),  # by the value: 11.2 - 11
        (9.8, 100.0, 0.1, 0.0),  # one of the two conditions is enough
        (np.nan, 0.0, None, np.inf),
        (np.nan, np.nan, 0.1, np.inf),
        (np.inf, 0.0, 0.1, np.inf),
    ],
)
def test_decrease(value: float, slope: float, tolerance: float | None, expected: float) -> None:
    np.testing.assert_allclose(decrease_error(at(value, slope), START, 0.1, tolerance), expected, rtol=1e-4)


@pytest.mark.parametrize(("slope", "expected"), [(1.0, 0.0), (-1.5, 0.5), (1.5, 0.5), (np.nan, np.inf)])
def test_curvature(slope: float, expected: float) -> None:
    np.testing.assert_allclose(curvature_error(at(0.0, slope), START, 0.5), expected)


def test_violation() -> None:
    np.testing.assert_array_equal(
        violation(jnp.array([-1.0, 2.0, jnp.nan, jnp.inf, -jnp.inf])), [0, 2, np.inf, np.inf, 0]
    )
