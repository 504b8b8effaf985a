"""The state of a search for a stepsize that meets the Wolfe conditions."""

from __future__ import annotations

from typing import NamedTuple

import jax

from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.line_search.bracketing import Bracket, select
from backprop_jax.optim.line_search.wolfe_conditions import Point


class ZoomLinesearchState(NamedTuple):
    """A search under way: where it started, the stepsize tried last, the interval left, and the best stepsize so far.

    Of an interval's ends `low` is the one with the lower value; `cubic_ref` is one that it had before. `safe` is the
    stepsize that at least decreases the objective sufficiently, 0 as long as there is none.
    """

    count: jax.Array
    params: PyTree
    updates: PyTree
    stepsize_guess: jax.Array
    stepsize: jax.Array
    value: jax.Array
    grad: PyTree
    slope: jax.Array
    value_init: jax.Array
    slope_init: jax.Array
    decrease_error: jax.Array
    curvature_error: jax.Array
    error: jax.Array
    interval_found: jax.Array
    done: jax.Array
    failed: jax.Array
    low: jax.Array
    value_low: jax.Array
    slope_low: jax.Array
    high: jax.Array
    value_high: jax.Array
    slope_high: jax.Array
    cubic_ref: jax.Array
    value_cubic_ref: jax.Array
    safe_stepsize: jax.Array
    safe_value: jax.Array
    safe_grad: PyTree

    @property
    def tried(self) -> Point:
        return Point(self.stepsize, self.value, self.slope)

    @property
    def bracket(self) -> Bracket:
        low = Point(self.low, self.value_low, self.slope_low)
        high = Point(self.high, self.value_high, self.slope_high)
        return Bracket(low, high, (self.cubic_ref, self.value_cubic_ref))

    def with_bracket(self, bracket: Bracket) -> ZoomLinesearchState:
        low, high, (cubic_ref, value_cubic_ref) = bracket
        return self._replace(
            low=low.stepsize,
            value_low=low.value,
            slope_low=low.slope,
            high=high.stepsize,
            value_high=high.value,
            slope_high=high.slope,
            cubic_ref=cubic_ref,
            value_cubic_ref=value_cubic_ref,
        )

    def with_tried_as_safe(self, where: jax.Array) -> ZoomLinesearchState:
        tried, safe = self._stops()
        stepsize, value, grad = select(where, tried, safe)
        return self._replace(safe_stepsize=stepsize, safe_value=value, safe_grad=grad)

    def with_safe_as_tried(self, where: jax.Array) -> ZoomLinesearchState:
        tried, safe = self._stops()
        stepsize, value, grad = select(where, safe, tried)
        return self._replace(stepsize=stepsize, value=value, grad=grad)

    def _stops(self) -> tuple[PyTree, PyTree]:
        return (self.stepsize, self.value, self.grad), (self.safe_stepsize, self.safe_value, self.safe_grad)
