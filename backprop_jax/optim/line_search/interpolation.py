"""The next stepsize to try in an interval: the minimum of a polynomial through the points that are known."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from backprop_jax.optim.line_search.wolfe_conditions import Point

# How much of the interval, at either end, is out of bounds: so near an end the interval would hardly shrink.
_CUBIC_MARGIN = 0.2
_QUADRATIC_MARGIN = 0.1


def stepsize_between(low: Point, high: Point, third: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The minimum of a cubic, or of a parabola, or the middle: the first of these that is well inside the interval.

    `third` is a stepsize and the value there.

    Source: Nocedal & Wright, Numerical Optimization, section 3.5; the margins are those of SciPy's and optax's search.
    """
    left, right = jnp.minimum(low.stepsize, high.stepsize), jnp.maximum(low.stepsize, high.stepsize)

    def well_inside(stepsize: jax.Array, margin: float) -> jax.Array:
        room = margin * jnp.abs(high.stepsize - low.stepsize)
        return (stepsize > left + room) & (stepsize < right - room)

    cubic = cubic_minimum(low, high.stepsize, high.value, *third)
    parabola = parabola_minimum(low, high.stepsize, high.value)
    middle = (low.stepsize + high.stepsize) / 2.0
    without_cubic = jnp.where(well_inside(parabola, _QUADRATIC_MARGIN), parabola, middle)
    return jnp.where(well_inside(cubic, _CUBIC_MARGIN), cubic, without_cubic)


def parabola_minimum(a: Point, b: jax.Array, value_b: jax.Array) -> jax.Array:
    """Where the parabola through two points, with the slope of the first, is flat."""
    to_b = b - a.stepsize
    curvature = (value_b - a.value - a.slope * to_b) / to_b**2
    return a.stepsize - a.slope / (2.0 * curvature)


def cubic_minimum(a: Point, b: jax.Array, value_b: jax.Array, c: jax.Array, value_c: jax.Array) -> jax.Array:
    """Where the cubic through three points, with the slope of the first, has its minimum; NaN if it has none.

    With x = η - a it is  f(a) + f'(a) x + second x^2 + third x^3.
    """
    to_b, to_c = b - a.stepsize, c - a.stepsize
    # What is left of the values when the line through a is taken off.
    rest_b = value_b - a.value - a.slope * to_b
    rest_c = value_c - a.value - a.slope * to_c
    determinant = (to_b * to_c) ** 2 * (to_b - to_c)
    third = (to_c**2 * rest_b - to_b**2 * rest_c) / determinant
    second = (to_b**3 * rest_c - to_c**3 * rest_b) / determinant
    return a.stepsize + (jnp.sqrt(second * second - 3.0 * third * a.slope) - second) / (3.0 * third)
