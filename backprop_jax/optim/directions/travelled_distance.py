"""Step sizes from the distance travelled so far, in place of a learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.applying import global_norm
from backprop_jax.optim.directions.parameter_norms import norm_at_least
from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree, require_real
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleByDistanceOverGradientsState(NamedTuple):
    """Of every leaf: the farthest it was from its start, the sum of the squared gradients so far, and its start."""

    max_dist: PyTree
    grad_sum_of_squares: PyTree
    init_params: PyTree


@dataclass(frozen=True)
class scale_by_distance_over_gradients(Leafwise):
    """Scale the update of a leaf by the farthest it has been from its start, over the norm of all its gradients.

        d <- max(d, |p - p0|),  d = reps_rel (1 + |p0|) at the start
        s <- s + |g|^2,   u = global_scale g d / sqrt(s + eps)

    With global_scale = -1 the updates go downhill. The authors train with averaged parameters.

    State:  `ScaleByDistanceOverGradientsState(max_dist, grad_sum_of_squares, init_params)`: of every leaf d, shape (),
            in its dtype; s, shape (1,), as in optax; and p0 in `param_dtype`. As p0 is kept, init reads the values of
            the parameters.
    Raises: ValueError if reps_rel is not above 0 or eps is negative; at init if a parameter is complex; at update if
            `params` is missing, or differs from updates in structure or shape.
    Source: Ivgi, Hinder & Carmon, 2023, arXiv:2302.12022, section 3.3 (L-DoG).
    """

    elementwise = False
    renews = ("max_dist", "grad_sum_of_squares", "init_params")
    renews_any_shape = True
    reads_params = True

    reps_rel: Scalar = 1e-6
    eps: Scalar = 1e-8
    param_dtype: Any = jnp.float32
    global_scale: Scalar = 1.0

    def __post_init__(self) -> None:
        require_positive(self, "reps_rel", "1e-6 is usual, 1e-4 with batch norm: at 0 the first step has no length")
        require_non_negative(self, "eps", "1e-8 is usual: it keeps the divisor off zero")
        object.__setattr__(self, "param_dtype", dtype_name(self, "param_dtype"))

    def init(self, params: PyTree) -> ScaleByDistanceOverGradientsState:
        require_real(params, "scale_by_distance_over_gradients")
        distance = lambda param: lax.convert_element_type(
            self.reps_rel * (1 + global_norm(param)), jnp.result_type(param)
        )
        return ScaleByDistanceOverGradientsState(
            max_dist=jax.tree.map(distance, params),
            grad_sum_of_squares=jax.tree.map(lambda _: jnp.zeros(1), params),
            # A copy: the parameters themselves may be donated to the step.
            init_params=jax.tree.map(lambda param: jnp.array(param, self.param_dtype), params),
        )

    def plan(self, updates: PyTree, state: ScaleByDistanceOverGradientsState, params: PyTree, **extra: Any) -> Plan:
        return Plan(_rule, _Scalars(self.eps, self.global_scale), state)


class _Scalars(NamedTuple):
    eps: Scalar
    global_scale: Scalar


def _rule(
    gradient: jax.Array, distance: jax.Array, squares: jax.Array, start: jax.Array, param: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    distance = norm_at_least(param - start, distance)
    squares = squares + jnp.sum(lax.square(gradient))
    step_size = scalars.global_scale * distance / lax.sqrt(squares[0] + scalars.eps)
    return step_size * gradient, distance, squares, start
