"""Line search by backtracking: shorten the step until the objective decreases sufficiently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.directions.inner_products import real_dot
from backprop_jax.optim.hyperparameters import Scalar, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, in_dtypes_of, zeros_like
from backprop_jax.optim.line_search.objective import (
    Objective,
    point_on_line,
    read_objective,
    scaled,
    search_dtype,
    state_dtype,
)
from backprop_jax.optim.line_search.search_warnings import NO_STEPSIZE_FOUND, STUCK
from backprop_jax.optim.line_search.wolfe_conditions import violation
from backprop_jax.optim.messages import print_if
from backprop_jax.optim.transform import Transform


class BacktrackingLinesearchInfo(NamedTuple):
    """How a search ended: the stepsizes it tried, and by how much the last one misses the condition."""

    num_linesearch_steps: jax.Array
    decrease_error: jax.Array


class ScaleByBacktrackingLinesearchState(NamedTuple):
    """The stepsize found, the objective there and, with store_grad, its gradient; and how the search ended."""

    learning_rate: jax.Array
    value: jax.Array
    grad: PyTree
    info: BacktrackingLinesearchInfo


class _Search(NamedTuple):
    learning_rate: jax.Array
    value: jax.Array
    grad: PyTree
    decrease_error: jax.Array
    count: jax.Array


@dataclass(frozen=True)
class scale_by_backtracking_linesearch(Transform):
    """Scale updates by the first stepsize η, of ever smaller ones, that decreases the objective sufficiently.

        f(p + η u) <= (1 + rtol) f(p) + slope_rtol η <u, g> + atol

    The search starts at η = min(increase_factor η', max_learning_rate), where η' is the one found before, and goes on
    with decrease_factor η, at most max_backtracking_steps times; the last is then taken, or 0 where f is not finite.

        updates, state = transform.update(updates, state, params, value=value, grad=grad, value_fn=value_fn)

    where value, grad = jax.value_and_grad(value_fn)(params). Further arguments of update are passed on to value_fn.
    Updates must point downhill. With store_grad, `value_and_grad_from_state` saves the next evaluation. `verbose`
    prints why a search failed.

    State:  `ScaleByBacktrackingLinesearchState(learning_rate, value, grad, info)`: grad like the parameters with
            store_grad, otherwise None.
    Raises: ValueError for a negative tolerance or number of steps, or a factor or largest rate not above 0; at update
            if `params` is missing. TypeError at update if value, grad or value_fn is missing, or for an argument that
            value_fn does not take.
    Source: Nocedal & Wright, Numerical Optimization, algorithm 3.1; Vaswani et al., 2019, arXiv:1905.09997, for
            increase_factor.
    """

    max_backtracking_steps: Scalar
    slope_rtol: Scalar = 1e-4
    decrease_factor: Scalar = 0.8
    increase_factor: Scalar = 1.5
    max_learning_rate: Scalar = 1.0
    atol: Scalar = 0.0
    rtol: Scalar = 0.0
    store_grad: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        require_non_negative(self, "max_backtracking_steps", "15 is usual: how often the stepsize may shrink")
        require_positive(self, "decrease_factor", "0.8 is usual: how the stepsize shrinks")
        require_positive(self, "increase_factor", "1.5 is usual: how it grows from one search to the next")
        require_positive(self, "max_learning_rate", "1 is usual: the longest step, in units of the updates")
        for name in ("slope_rtol", "atol", "rtol"):
            require_non_negative(self, name, "it is a tolerance")

    def init(self, params: PyTree) -> ScaleByBacktrackingLinesearchState:
        dtype = state_dtype(params)
        return ScaleByBacktrackingLinesearchState(
            learning_rate=jnp.ones((), dtype),
            value=jnp.full((), jnp.inf, dtype),
            grad=zeros_like(params) if self.store_grad else None,
            info=BacktrackingLinesearchInfo(jnp.zeros((), int), jnp.full((), jnp.inf, dtype)),
        )

    def update(
        self, updates: PyTree, state: ScaleByBacktrackingLinesearchState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ScaleByBacktrackingLinesearchState]:
        objective = read_objective(self, params, extra)
        found = self._search(updates, state.learning_rate, params, objective)
        is_stuck = jnp.isinf(found.decrease_error)
        learning_rate = jnp.where(is_stuck, 0.0, found.learning_rate)
        if self.verbose:
            error, stepsize = found.decrease_error, found.learning_rate
            print_if(error > self.atol, NO_STEPSIZE_FOUND, value=found.value, stepsize=stepsize, decrease_error=error)
            print_if(is_stuck, STUCK)
        new_state = state._replace(
            learning_rate=learning_rate,
            value=found.value,
            grad=found.grad if self.store_grad else None,
            info=state.info._replace(num_linesearch_steps=found.count, decrease_error=found.decrease_error),
        )
        return scaled(updates, learning_rate), in_dtypes_of(state, new_state)

    def _search(self, updates: PyTree, learning_rate: jax.Array, params: PyTree, objective: Objective) -> _Search:
        dtype = search_dtype(params, objective.value)
        # <u, g> without a conjugate: for complex parameters the slope along u is that of the gradient as JAX has it.
        slope = real_dot(updates, jax.tree.map(jnp.conj, objective.grad))
        start_value = jnp.asarray(objective.value, dtype)

        def goes_on(search: _Search) -> jax.Array:
            return ~(search.decrease_error <= self.atol) & (search.count <= self.max_backtracking_steps)

        def try_next(search: _Search) -> _Search:
            shrunk = self.decrease_factor * search.learning_rate
            learning_rate = jnp.where(search.count > 0, shrunk, search.learning_rate)
            at = point_on_line(params, updates, learning_rate)
            value, pull_back = jax.vjp(objective.function, at) if self.store_grad else (objective.function(at), None)
            excess = value - (1.0 + self.rtol) * start_value - learning_rate * self.slope_rtol * slope
            tried = _Search(learning_rate, value, search.grad, violation(excess), search.count + 1)
            if pull_back is not None:
                # Only the last point needs its gradient.
                gradient_here = lambda: pull_back(jnp.ones_like(value))[0]
                tried = tried._replace(grad=lax.cond(goes_on(tried), lambda: search.grad, gradient_here))
            return in_dtypes_of(search, tried)

        longest = jnp.minimum(self.increase_factor * learning_rate.astype(dtype), self.max_learning_rate)
        no_gradient = zeros_like(params) if self.store_grad else None
        error = jnp.full((), jnp.inf, dtype)
        start = _Search(longest.astype(dtype), start_value, no_gradient, error, jnp.zeros((), int))
        return lax.while_loop(goes_on, try_next, start)
