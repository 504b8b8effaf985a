"""Momentum: a decaying sum of past gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_share
from backprop_jax.optim.leafwise import PyTree, zeros_like
from backprop_jax.optim.transform import Leafwise, Plan


class TraceState(NamedTuple):
    """The decaying sum of past gradients."""

    trace: PyTree


@dataclass(frozen=True)
class trace(Leafwise):
    """Replace gradients by their decaying sum.

        t <- g + decay t,   u = t,   or with nesterov u = g + decay t (t the new sum)

    State:  `TraceState(trace)`, like the parameters, in `accumulator_dtype` if given (a real one keeps the real part
            only, with JAX's warning).
    Raises: ValueError if decay is outside [0, 1]; at update if updates and state differ in structure or shape.
    Source: Polyak, 1964; nesterov: Nesterov, 1983, in the form of Sutskever et al., 2013, section 2.
    """

    renews = ("trace",)

    decay: Scalar
    nesterov: bool = False
    accumulator_dtype: Any = None

    def __post_init__(self) -> None:
        require_share(self, "decay", "0.9 is usual: the share of the sum that each step keeps, 1 being all")
        object.__setattr__(self, "accumulator_dtype", dtype_name(self, "accumulator_dtype"))

    def init(self, params: PyTree) -> TraceState:
        return TraceState(trace=zeros_like(params, self.accumulator_dtype))

    def plan(self, updates: PyTree, state: TraceState, params: PyTree, **extra: Any) -> Plan:
        return Plan(_nesterov_rule if self.nesterov else _rule, self.decay, state)


def _rule(gradient: jax.Array, total: jax.Array, decay: Scalar) -> tuple[jax.Array, jax.Array]:
    total = gradient + decay * total
    return total, total


def _nesterov_rule(gradient: jax.Array, total: jax.Array, decay: Scalar) -> tuple[jax.Array, jax.Array]:
    total = gradient + decay * total
    return gradient + decay * total, total
