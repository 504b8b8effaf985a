"""A whole model, proven layer by layer on the data at hand."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.summary import record_calls
from backprop_jax.testing.cases import (
    QUICK,
    Case,
    autodiff,
    directional_difference,
    hand_written,
    inner,
    random_direction,
    random_like,
    to_dtype,
)
from backprop_jax.testing.compare import relative_error

__all__ = ["CrossCheck", "cross_check"]


class CrossCheck(NamedTuple):
    """Largest relative differences of a hand-written gradient."""

    path: str
    layer: Layer
    against_jax_grad: float  # in the dtype of the data, the worst leaf
    against_central_differences: float  # in float64, along a random direction


def cross_check(model: Layer, params: PyTree, state: PyTree, x: PyTree, *, seed: int = 0) -> list[CrossCheck]:
    """One row for each layer, on the input that reaches it, and a last one for the whole model.

    Cotangents are random. Each row takes two compilations; on a large model give a small batch.
    """
    calls = []
    recorded = record_calls(
        model, lambda path, layer, params, state, x, y: calls.append((path, layer, Case(params, state, x, y)))
    )
    with jax.disable_jit():  # so that a scan's layers are seen with arrays, not with tracers
        recorded.forward(params, state, x)
    whole = Case(params, state, x, jax.eval_shape(model.forward, params, state, x)[0])
    calls.append(("", model, whole))
    random = np.random.default_rng(seed)
    return [_compare(path, layer, case, random) for path, layer, case in calls]


def _compare(path: str, layer: Layer, case: Case, random: np.random.Generator) -> CrossCheck:
    case = case._replace(dy=random_like(case.dy, random))
    both = jax.jit(lambda case: (hand_written(layer, case), autodiff(layer, case)), compiler_options=QUICK)
    (_, ours), (_, theirs) = both(case)
    with jax.enable_x64(True):
        precise = Case(*(to_dtype(part, jnp.float64) for part in case))
        direction = random_direction(layer, precise, random)
        difference_too = jax.jit(
            lambda case: (hand_written(layer, case)[1], directional_difference(layer, case, direction, step=1e-6)),
            compiler_options=QUICK,
        )
        gradient, difference = jax.device_get(difference_too(precise))
        error = relative_error(inner(direction, gradient), difference)
    return CrossCheck(path, layer, relative_error(ours, theirs), error)
