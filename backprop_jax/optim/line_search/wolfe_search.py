"""Scale updates by a stepsize that meets the Wolfe conditions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree, in_dtypes_of, zeros_like
from backprop_jax.optim.line_search.objective import read_objective, scaled, state_dtype
from backprop_jax.optim.line_search.zoom import require_strategy, zoom_linesearch
from backprop_jax.optim.transform import Transform


class ZoomLinesearchInfo(NamedTuple):
    """How a search ended: the evaluations it took, and by how much its last stepsize misses either condition."""

    num_linesearch_steps: jax.Array
    decrease_error: jax.Array
    curvature_error: jax.Array


class ScaleByZoomLinesearchState(NamedTuple):
    """The stepsize found, the objective and its gradient there, and how the search ended."""

    learning_rate: jax.Array
    value: jax.Array
    grad: PyTree
    info: ZoomLinesearchInfo


@dataclass(frozen=True)
class scale_by_zoom_linesearch(Transform):
    """Scale updates by a stepsize η at which the objective has decreased sufficiently and its slope is small.

        f(η) <= f(0) + slope_rtol η f'(0) + tol,   |f'(η)| <= curv_rtol |f'(0)| + tol,   f(η) = value_fn(p + η u)

    In place of the first, f'(η) <= (2 slope_rtol - 1) f'(0) will do where f(η) <= f(0) + approx_dec_rtol |f(0)|, unless
    approx_dec_rtol is None. How η is found, and what happens if there is none: see `zoom_linesearch`.
    `initial_guess_strategy` says which η is tried first: "keep" the last one, "one" 1, as suits L-BFGS.

        updates, state = transform.update(updates, state, params, value=value, grad=grad, value_fn=value_fn)

    where value, grad = jax.value_and_grad(value_fn)(params), for complex parameters with the conjugate of grad. Further
    arguments of update are passed on to value_fn. Updates must point downhill. `value_and_grad_from_state` saves the
    next evaluation. `verbose` prints why a search failed.

    State:  `ScaleByZoomLinesearchState(learning_rate, value, grad, info)`, grad as jax.grad has it.
    Raises: ValueError as `zoom_linesearch`, or for an unknown strategy; at update if `params` is missing. TypeError at
            update if value, grad or value_fn is missing, or for an argument that value_fn does not take.
    Source: Nocedal & Wright, Numerical Optimization, algorithms 3.5 and 3.6; Hager & Zhang, 2006,
            doi:10.1145/1132973.1132979, for the decrease of slopes.
    """

    max_linesearch_steps: Scalar
    max_learning_rate: Scalar | None = None
    tol: Scalar = 0.0
    increase_factor: Scalar = 2.0
    slope_rtol: Scalar = 1e-4
    curv_rtol: Scalar = 0.9
    approx_dec_rtol: Scalar | None = 1e-6
    stepsize_precision: Scalar = 1e-5
    initial_guess_strategy: str = "keep"
    verbose: bool = False

    def __post_init__(self) -> None:
        require_strategy(self.initial_guess_strategy)
        self._search()

    def init(self, params: PyTree) -> ScaleByZoomLinesearchState:
        dtype = state_dtype(params)
        # Two arrays: one in two places of the state could not be donated.
        infinite = (jnp.full((), jnp.inf, float) for _ in range(2))
        return ScaleByZoomLinesearchState(
            learning_rate=jnp.ones((), dtype),
            value=jnp.full((), jnp.inf, dtype),
            grad=zeros_like(params),
            info=ZoomLinesearchInfo(jnp.zeros((), int), *infinite),
        )

    def update(
        self, updates: PyTree, state: ScaleByZoomLinesearchState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, ScaleByZoomLinesearchState]:
        objective = read_objective(self, params, extra)
        search = self._search()
        start = search.init(
            updates,
            params,
            value=objective.value,
            grad=objective.grad,
            prev_stepsize=state.learning_rate,
            initial_guess_strategy=self.initial_guess_strategy,
        )
        value_and_grad_fn = jax.value_and_grad(objective.function)
        step = partial(search.step, value_and_grad_fn=value_and_grad_fn, fn_kwargs={})
        end = lax.while_loop(search.goes_on, step, start)
        info = state.info._replace(
            num_linesearch_steps=end.count, decrease_error=end.decrease_error, curvature_error=end.curvature_error
        )
        new_state = state._replace(learning_rate=end.stepsize, value=end.value, grad=end.grad, info=info)
        return scaled(updates, end.stepsize), in_dtypes_of(state, new_state)

    def _search(self) -> zoom_linesearch:
        return zoom_linesearch(
            self.max_linesearch_steps,
            self.max_learning_rate,
            self.tol,
            self.increase_factor,
            self.slope_rtol,
            self.curv_rtol,
            self.approx_dec_rtol,
            self.stepsize_precision,
            self.verbose,
        )
