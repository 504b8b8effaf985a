"""Line search for a stepsize that meets the Wolfe conditions, one evaluation of the objective at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.optim.directions.inner_products import real_dot
from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, in_dtypes_of
from backprop_jax.optim.line_search.bracketing import first_bracket, select, shrunk_bracket
from backprop_jax.optim.line_search.interpolation import stepsize_between
from backprop_jax.optim.line_search.objective import point_on_line, search_dtype
from backprop_jax.optim.line_search.search_warnings import warn_of_failure, warn_of_steep_end
from backprop_jax.optim.line_search.wolfe_conditions import Point, curvature_error, decrease_error
from backprop_jax.optim.line_search.zoom_state import ZoomLinesearchState
from backprop_jax.optim.step_count import safe_increment


@dataclass(frozen=True)
class zoom_linesearch:
    """Search for a stepsize at which the objective has decreased sufficiently and its slope has become small.

        init, step, goes_on = zoom_linesearch(max_linesearch_steps=20)
        search = init(updates, params, value=value, grad=grad)
        while goes_on(search):
            search = step(search, value_and_grad_fn=jax.value_and_grad(f), fn_kwargs={})

    First the stepsize grows by increase_factor until an interval is sure to hold what is sought, then the interval is
    divided. Where both conditions cannot be met, within max_linesearch_steps or max_stepsize or before the interval is
    shorter than interval_threshold, the search ends with a stepsize that meets the first, if it has found one.
    The conditions, with the tolerance `tol`, are in `scale_by_zoom_linesearch`.

    State:  `ZoomLinesearchState`, with numbers in at least float32.
    Raises: ValueError for a negative tolerance, or a number of steps, largest stepsize or factor not above 0.
    Source: Nocedal & Wright, Numerical Optimization, algorithms 3.5 and 3.6.
    """

    max_linesearch_steps: Scalar
    max_stepsize: Scalar | None = None
    tol: Scalar = 0.0
    increase_factor: Scalar = 2.0
    slope_rtol: Scalar = 1e-4
    curv_rtol: Scalar = 0.9
    approx_dec_rtol: Scalar | None = 1e-6
    interval_threshold: Scalar = 1e-5
    verbose: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "max_linesearch_steps", "20 is usual: how often the objective may be evaluated")
        require_positive(self, "increase_factor", "2 is usual: how the stepsize grows")
        if self.max_stepsize is not None:
            require_positive(self, "max_stepsize", "None sets no limit")
        for name in ("tol", "slope_rtol", "curv_rtol", "interval_threshold"):
            require_non_negative(self, name, "it is a tolerance")
        if self.approx_dec_rtol is not None:
            require_non_negative(self, "approx_dec_rtol", "None asks for the sufficient decrease of values only")

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        """As in optax, where a search is three functions."""
        return iter((self.init, self.step, self.goes_on))

    def init(
        self,
        updates: PyTree,
        params: PyTree,
        *,
        value: jax.typing.ArrayLike,
        grad: PyTree,
        prev_stepsize: jax.typing.ArrayLike = 1.0,
        initial_guess_strategy: str = "one",
    ) -> ZoomLinesearchState:
        """The state before the first step. The strategy "one" tries the stepsize 1 first, "keep" prev_stepsize."""
        require_strategy(initial_guess_strategy)
        dtype = search_dtype(params, value)
        zero, infinite, no = jnp.zeros((), dtype), jnp.full((), jnp.inf, dtype), jnp.zeros((), bool)
        value = jnp.asarray(value, dtype)
        slope = real_dot(updates, grad).astype(dtype)
        return ZoomLinesearchState(
            count=jnp.zeros((), int),
            params=params,
            updates=updates,
            stepsize_guess=jnp.asarray(1.0 if initial_guess_strategy == "one" else prev_stepsize, dtype),
            stepsize=zero,
            value=value,
            grad=grad,
            slope=slope,
            value_init=value,
            slope_init=slope,
            decrease_error=infinite,
            curvature_error=infinite,
            error=infinite,
            interval_found=no,
            done=no,
            failed=no,
            low=zero,
            value_low=value,
            slope_low=slope,
            high=zero,
            value_high=value,
            slope_high=slope,
            cubic_ref=zero,
            value_cubic_ref=value,
            safe_stepsize=zero,
            safe_value=value,
            safe_grad=grad,
        )

    def step(
        self, state: ZoomLinesearchState, *, value_and_grad_fn: Callable[..., Any], fn_kwargs: dict[str, Any]
    ) -> ZoomLinesearchState:
        """The state after one more evaluation of the objective, value_and_grad_fn(params, **fn_kwargs)."""
        longer, is_longest = self._longer(state)
        stepsize = jnp.where(state.interval_found, stepsize_between(*state.bracket), longer)
        new = self._try(state, stepsize, partial(value_and_grad_fn, **fn_kwargs))
        # Both phases are worked out, for a few numbers each: so the objective is evaluated, and compiled, in one place.
        decreases, meets_both = new.decrease_error <= 0.0, new.error <= self.tol
        first, holds_one = first_bracket(state.tried, new.tried, decreases, state.count == 0)
        shrunk = shrunk_bracket(state.bracket, new.tried, decreases)
        new = new.with_bracket(select(state.interval_found, shrunk, first))
        is_best = (new.decrease_error <= self.tol) & (~state.interval_found | (new.value < state.safe_value))
        new = new.with_tried_as_safe(is_best)

        interval_found = state.interval_found | holds_one | meets_both
        ends_steep = is_longest & ~interval_found
        was_narrow = state.interval_found & (jnp.abs(state.high - state.low) <= self.interval_threshold)
        gives_up = (new.count >= self.max_linesearch_steps) | (was_narrow & (new.safe_stepsize > 0.0))
        done = meets_both | ends_steep
        new = new._replace(interval_found=interval_found, done=done, failed=gives_up & ~done)
        if self.verbose:
            warn_of_steep_end(new, ends_steep)
            warn_of_failure(new, was_narrow)
        has_safe = (new.safe_stepsize > 0.0) | jnp.isinf(new.decrease_error)
        return in_dtypes_of(state, new.with_safe_as_tried(new.failed & has_safe))

    def goes_on(self, state: ZoomLinesearchState) -> jax.Array:
        """Whether another step is needed."""
        return ~(state.done | state.failed)

    def _longer(self, state: ZoomLinesearchState) -> tuple[jax.Array, jax.Array]:
        """The stepsize to try while there is no interval, and whether it is the largest allowed."""
        stepsize = jnp.where(state.count == 0, state.stepsize_guess, self.increase_factor * state.stepsize)
        if self.max_stepsize is None:
            return stepsize, jnp.zeros((), bool)
        return jnp.minimum(stepsize, self.max_stepsize), stepsize >= self.max_stepsize

    def _try(
        self, state: ZoomLinesearchState, stepsize: jax.Array, value_and_grad_fn: Callable[..., Any]
    ) -> ZoomLinesearchState:
        """The state with the objective and the errors at a stepsize."""
        value, grad = value_and_grad_fn(point_on_line(state.params, state.updates, stepsize))
        # <u, g> without a conjugate: for complex parameters the slope along u is that of the gradient as JAX has it.
        at = Point(stepsize, value, real_dot(state.updates, jax.tree.map(jnp.conj, grad)))
        start = Point(jnp.zeros_like(stepsize), state.value_init, state.slope_init)
        decrease = decrease_error(at, start, self.slope_rtol, self.approx_dec_rtol)
        curvature = curvature_error(at, start, self.curv_rtol)
        return state._replace(
            count=safe_increment(state.count),
            stepsize=stepsize,
            value=value,
            grad=grad,
            slope=at.slope,
            decrease_error=decrease,
            curvature_error=curvature,
            error=jnp.maximum(decrease, curvature),
        )


def require_strategy(strategy: str) -> None:
    """Raise ValueError for an unknown choice of the first stepsize."""
    if strategy not in ("one", "keep"):
        raise ValueError(
            f"zoom line search: initial_guess_strategy must be 'one' or 'keep', got {strategy!r}; "
            "'one' tries the stepsize 1 first, as suits L-BFGS, 'keep' that of the step before"
        )
