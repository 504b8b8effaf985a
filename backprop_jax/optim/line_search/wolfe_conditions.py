"""The conditions that a stepsize has to meet, each as an error: the amount by which it is violated."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import Scalar


class Point(NamedTuple):
    """A stepsize, and the objective's value and slope there, along the updates."""

    stepsize: jax.Array
    value: jax.Array
    slope: jax.Array


def decrease_error(at: Point, start: Point, slope_rtol: Scalar, approx_dec_rtol: Scalar | None) -> jax.Array:
    """How far f(η) is above f(0) + slope_rtol η f'(0).

    With approx_dec_rtol it suffices that f'(η) <= (2 slope_rtol - 1) f'(0) and f(η) <= f(0) + approx_dec_rtol |f(0)|.
    Near a minimum, where the differences of f are lost in rounding, slopes still tell.

    Source: Nocedal & Wright, Numerical Optimization, eq. 3.7a; Hager & Zhang, 2006, doi:10.1145/1132973.1132979,
            eqs. 23, 26 and 27.
    """
    error = at.value - start.value - slope_rtol * at.stepsize * start.slope
    if approx_dec_rtol is not None:
        by_slope = at.slope - (2 * slope_rtol - 1.0) * start.slope
        by_value = at.value - start.value - approx_dec_rtol * jnp.abs(start.value)
        error = jnp.minimum(jnp.maximum(by_slope, by_value), error)
    return violation(error)


def curvature_error(at: Point, start: Point, curv_rtol: Scalar) -> jax.Array:
    """How far |f'(η)| is above curv_rtol |f'(0)|. Source: Nocedal & Wright, Numerical Optimization, eq. 3.7b."""
    return violation(jnp.abs(at.slope) - curv_rtol * jnp.abs(start.slope))


def violation(error: jax.Array) -> jax.Array:
    """The error where it is positive, 0 where it is not, and infinity where it is NaN."""
    return jnp.where(jnp.isnan(error), jnp.inf, jnp.maximum(error, 0.0))
