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

# Of a gradient's largest number. A leaf below it is zero but for rounding, such as that of a bias before a batch norm.
NEGLIGIBLE = 1e-6

# Of the central differences: so short that hardly one of a network's million ReLUs passes its corner on the way.
STEP = 1e-8


class CrossCheck(NamedTuple):
    """Largest relative differences of a hand-written gradient, in float64."""

    path: str
    layer: Layer
    against_jax_grad: float  # the worst leaf
    against_central_differences: float  # along a random direction


def cross_check(model: Layer, params: PyTree, state: PyTree, x: PyTree, *, seed: int = 0) -> list[CrossCheck]:
    """One row for each layer, on the input that reaches it, and a last one for the whole model.

    Cotangents are random. All is in float64, for in float32 the gradient through many layers, batch norms among them,
    is rounded by more than a mistake may change it, autodiff's as much as ours. Central differences are taken a little
    beside the data, where no two numbers are equal. Each row takes a compilation; on a large model give a small batch.
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
    with jax.enable_x64(True):
        case = Case(*(to_dtype(part, jnp.float64) for part in case._replace(dy=random_like(case.dy, random))))
        direction = random_direction(layer, case, random)

        def three_ways(case: Case) -> tuple[PyTree, PyTree, jax.Array]:
            difference = directional_difference(layer, case, direction, step=STEP)
            return hand_written(layer, case)[1], autodiff(layer, case)[1], difference

        compiled = jax.jit(three_ways, compiler_options=QUICK)
        ours, theirs, _ = jax.device_get(compiled(case))
        beside, _, difference = jax.device_get(compiled(case._replace(x=_nudged(case.x, direction[1], random))))
        slope = inner(direction, beside)
    return CrossCheck(path, layer, relative_error(ours, theirs, NEGLIGIBLE), relative_error(slope, difference))


def _nudged(x: PyTree, tangent: PyTree, random: np.random.Generator) -> PyTree:
    """x with noise where it has a tangent. Images are full of ties, at which central differences mix two slopes."""

    def nudge(tangent, leaf):
        return leaf if tangent is None else leaf + 0.1 * random.standard_normal(leaf.shape)

    return jax.tree.map(nudge, tangent, x, is_leaf=lambda node: node is None)
