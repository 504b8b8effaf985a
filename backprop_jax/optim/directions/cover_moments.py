"""Rescaling by sums of squared gradients, kept as one number for every slice of a leaf."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.optim.directions.moments import Average, average, require_decays, require_epsilons
from backprop_jax.optim.hyperparameters import Scalar, require_share
from backprop_jax.optim.leafwise import PyTree, zeros_like
from backprop_jax.optim.transform import Leafwise, Plan


class ScaleBySM3State(NamedTuple):
    """For every leaf the list of its bounds, one vector an axis; and the average of the updates."""

    mu: PyTree
    nu: PyTree


@dataclass(frozen=True)
class scale_by_sm3(Leafwise):
    """Divide gradients by the root of a bound on their sum of squares, then average.

        v    = min over axes of mu[axis] + g^2,   or with b2 < 1  b2 min(mu) + (1 - b2) g^2
        nu   <- b1 nu + (1 - b1) g / sqrt(v + eps),   0 where v is 0
        mu[axis] <- max of v over the other axes,   u = nu

    State:  `ScaleBySM3State(mu, nu)`: mu a list of vectors for every leaf, as long as its axes; nu like the parameters.
    Raises: ValueError if b1 is outside [0, 1), b2 outside [0, 1], or eps negative; at init if a parameter is complex
            or has no axes; at update if updates and state differ in structure or shape.
    Source: Anil et al., 2019, arXiv:1901.11150, algorithm SM3-II, with its section 4's momentum.
    """

    elementwise = False
    renews = ("mu", "nu")
    renews_any_shape = True

    b1: Scalar = 0.9
    b2: Scalar = 1.0
    eps: Scalar = 1e-8

    def __post_init__(self) -> None:
        require_decays(self, "b1")
        require_epsilons(self, "eps")
        require_share(self, "b2", "1 is usual: squares are summed")

    def init(self, params: PyTree) -> ScaleBySM3State:
        for path, param in jax.tree_util.tree_leaves_with_path(params):
            if jnp.iscomplexobj(param) or np.ndim(param) == 0:
                raise ValueError(
                    f"scale_by_sm3: the parameter at {jax.tree_util.keystr(path) or 'the root'} is "
                    f"{jax.typeof(param).str_short()}; it must be real and have an axis: split or reshape it, "
                    "or leave it to another transform"
                )
        bounds = jax.tree.map(lambda param: [_sum_of_others(param, axis) for axis in range(np.ndim(param))], params)
        return ScaleBySM3State(mu=zeros_like(bounds), nu=zeros_like(params))

    def plan(self, updates: PyTree, state: ScaleBySM3State, params: PyTree, **extra: Any) -> Plan:
        added = jnp.where(self.b2 == 1, 1.0, 1 - self.b2)
        return Plan(_rule, _Scalars(average(self.b1), Average(self.b2, added), self.eps), state)


class _Scalars(NamedTuple):
    updates: Average
    squares: Average
    eps: Scalar


def _others(ndim: int, axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(ndim) if other != axis)


def _sum_of_others(param: jax.typing.ArrayLike, axis: int) -> jax.ShapeDtypeStruct:
    """The shape, dtype and, if it is sharded, the sharding of one axis."""
    return jax.eval_shape(functools.partial(jnp.sum, axis=_others(np.ndim(param), axis)), param)


def _rule(
    gradient: jax.Array, mu: list[jax.Array], nu: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, list[jax.Array], jax.Array]:
    axes = range(gradient.ndim)
    bounds = [lax.expand_dims(bound, _others(gradient.ndim, axis)) for axis, bound in zip(axes, mu, strict=True)]
    square = scalars.squares.of(lax.square(gradient), functools.reduce(jnp.minimum, bounds))
    nu = scalars.updates.of(gradient * jnp.where(square > 0, lax.rsqrt(square + scalars.eps), 0.0), nu)
    return nu, [jnp.max(square, _others(gradient.ndim, axis)) for axis in axes], nu
