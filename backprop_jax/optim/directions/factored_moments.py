"""Rescaling by the root mean square of past gradients, kept for rows and columns instead of for every number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.optim.directions.moments import Average, average, real_part
from backprop_jax.optim.hyperparameters import Scalar, call_of, require_non_negative
from backprop_jax.optim.leafwise import PyTree, abs_squared, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class FactoredState(NamedTuple):
    """Steps taken, and average squares: of rows and of columns, or, where those are too short, of each number."""

    count: jax.Array
    v_row: PyTree
    v_col: PyTree
    v: PyTree


def _power_decay(count: jax.Array, exponent: Scalar) -> jax.Array:
    return 1.0 - (count + 1.0) ** -exponent


@dataclass(frozen=True, repr=False)
class scale_by_factored_rms(Leafwise):
    """Divide gradients by the root of their average square, which is taken to be the product of a row and a column.

        s   = |g|^2 + epsilon,   d = decay_rate_fn(t - step_offset, decay_rate)
        row <- d row + (1 - d) mean(s over columns),   col <- d col + (1 - d) mean(s over rows)
        u   = g / sqrt(row col / mean(row))

    with t = 0 at the first step; decay_rate_fn is by default t, rate -> 1 - (t + 1)^-rate. A leaf's longest axis counts
    its columns, the next longest its rows; other axes are kept in both averages. Where one of the two is shorter than
    `min_dim_size_to_factor`, or with factored=False:

        v   <- d v + (1 - d) s,   u = g / sqrt(v)

    State:  `FactoredState(count, v_row, v_col, v)`: count int32; v_row without the columns' axis, v_col without the
            rows', v of shape (1,); where not factored v_row and v_col of shape (1,), v like the parameter.
    Raises: ValueError if decay_rate or epsilon is negative; at update if updates and state differ in structure.
    Source: Shazeer & Stern, 2018, arXiv:1804.04235, algorithm 4; other decays: Zhai et al., 2021, arXiv:2106.04560.
    """

    elementwise = False
    renews = ("v_row", "v_col", "v")
    renews_any_shape = True

    factored: bool = True
    decay_rate: Scalar = 0.8
    step_offset: Scalar = 0
    min_dim_size_to_factor: int = 128
    epsilon: Scalar = 1e-30
    decay_rate_fn: Callable[[Any, Any], Any] = _power_decay

    def __post_init__(self) -> None:
        require_non_negative(self, "decay_rate", "0.8 is usual: the larger, the longer past gradients count")
        require_non_negative(self, "epsilon", "1e-30 is usual: it keeps the divisor off zero")

    def __repr__(self) -> str:
        return call_of(self)

    def init(self, params: PyTree) -> FactoredState:
        parts = (jax.tree.map(lambda param, i=i: self._models(param)[i], params) for i in range(3))
        return FactoredState(first_count(), *map(zeros_like, parts))

    def plan(self, updates: PyTree, state: FactoredState, params: PyTree, **extra: Any) -> Plan:
        decay = average(self.decay_rate_fn(state.count - self.step_offset, self.decay_rate))
        return Plan(_rule, _Scalars(decay, self.epsilon), state._replace(count=safe_increment(state.count)))

    def _models(self, param: jax.typing.ArrayLike) -> tuple[Any, Any, Any]:
        """What v_row, v_col and v are like."""
        none = jax.ShapeDtypeStruct((1,), jnp.result_type(param))
        rows, columns = _matrix_axes(np.shape(param))
        if not self.factored or rows < 0 or np.shape(param)[rows] < self.min_dim_size_to_factor:
            return none, none, param
        # By eval_shape, which knows how the mean of a sharded array is sharded.
        v_row, v_col = (jax.eval_shape(partial(jnp.sum, axis=axis), param) for axis in (columns, rows))
        return v_row, v_col, none


class _Scalars(NamedTuple):
    decay: Average
    epsilon: Scalar


def _matrix_axes(shape: tuple[int, ...]) -> tuple[int, int]:
    """The axes of a leaf's rows and columns, the second longest and the longest; of equal ones the last is longest."""
    axes = [int(axis) for axis in np.argsort(shape)[-2:]]
    return (axes[0], axes[1]) if len(axes) == 2 else (-1, -1)


def _rule(
    gradient: jax.Array, v_row: jax.Array, v_col: jax.Array, v: jax.Array, scalars: _Scalars
) -> tuple[jax.Array, ...]:
    square = abs_squared(gradient) + scalars.epsilon
    if v.shape == gradient.shape:
        v = scalars.decay.of(square, real_part(v))
        return gradient * lax.rsqrt(v), v_row, v_col, v
    rows, columns = _matrix_axes(gradient.shape)
    v_row = scalars.decay.of(jnp.mean(square, columns), real_part(v_row))
    v_col = scalars.decay.of(jnp.mean(square, rows), real_part(v_col))
    row, col = jnp.expand_dims(v_row, columns), jnp.expand_dims(v_col, rows)
    # Two roots of small arrays, not one of their product, which may underflow.
    scale = lax.rsqrt(row / jnp.mean(row, rows, keepdims=True))
    return gradient * scale * lax.rsqrt(col), v_row, v_col, v
