"""What a line search prints, if verbose, where it ends without the stepsize that it was to find."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from backprop_jax.optim.line_search.zoom_state import ZoomLinesearchState
from backprop_jax.optim.messages import print_if

NOT_A_DESCENT_DIRECTION = "The updates point uphill: the objective does not fall along them."
NO_STEPSIZE_FOUND = "No stepsize was found that decreases the objective sufficiently."
INTERVAL_NOT_FOUND = "The objective still falls steeply at the largest stepsize allowed; allow a larger one."
INTERVAL_TOO_SMALL = "The interval that is searched has become too small to divide."
CURVATURE_COND_NOT_SATISFIED = "The stepsize taken decreases the objective sufficiently, but the slope there is steep."
STUCK = "The objective is not finite at any stepsize tried: no step is taken."
UNSAFE = "The step is taken nevertheless, and may increase the objective."
MORE_STEPS = "Allow more steps of the search."
MORE_PRECISION = "The stepsize is below the precision of float32; parameters in float64 would allow smaller ones."
STEEP = "The objective is very steep; scale it or the parameters, or start elsewhere."


def warn_of_steep_end(search: ZoomLinesearchState, ends_steep: jax.Array) -> None:
    """Say that the largest stepsize allowed is taken, although a larger one would be better."""
    print_if(ends_steep, f"{INTERVAL_NOT_FOUND} {CURVATURE_COND_NOT_SATISFIED}", **_summary(search))


def warn_of_failure(search: ZoomLinesearchState, is_narrow: jax.Array) -> None:
    """Say why a search failed, before it falls back on its safe stepsize."""
    failed, has_safe = search.failed, search.safe_stepsize > 0.0
    print_if(failed & is_narrow, INTERVAL_TOO_SMALL)
    print_if(failed & has_safe, CURVATURE_COND_NOT_SATISFIED, safe_stepsize=search.safe_stepsize, **_summary(search))
    unsafe, downhill = failed & ~has_safe, search.slope_init < 0.0
    print_if(unsafe, NO_STEPSIZE_FOUND, **_summary(search))
    print_if(unsafe & ~downhill, NOT_A_DESCENT_DIRECTION)
    print_if(unsafe & downhill, MORE_STEPS)
    print_if(unsafe & downhill & (search.stepsize < jnp.finfo(jnp.float32).eps), MORE_PRECISION)
    print_if(unsafe & downhill & (search.slope_init < -1e16), STEEP)
    is_stuck = jnp.isinf(search.decrease_error)
    print_if(unsafe & is_stuck, STUCK)
    print_if(unsafe & ~is_stuck, UNSAFE)


def _summary(search: ZoomLinesearchState) -> dict[str, jax.Array]:
    names = "value_init", "slope_init", "stepsize", "decrease_error", "curvature_error"
    return {name: getattr(search, name) for name in names}
