"""The average of past updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from backprop_jax.optim.hyperparameters import Scalar, dtype_name, require_decay
from backprop_jax.optim.leafwise import PyTree, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan


class EmaState(NamedTuple):
    """Steps taken, and the average of the updates, not corrected for starting at zero."""

    count: jax.Array
    ema: PyTree


@dataclass(frozen=True)
class ema(Leafwise):
    """Replace updates by their exponential average; `trace` is the same without the factor 1 - decay.

        m <- decay m + (1 - decay) g,   u = m, or with debias u = m / (1 - decay^t)

    State:  `EmaState(count, ema)`: count int32; ema like the parameters, in `accumulator_dtype` if given.
    Raises: ValueError if decay is outside [0, 1); at update if updates and state differ in structure or shape.
    """

    renews = ("ema",)

    decay: Scalar
    debias: bool = True
    accumulator_dtype: Any = None

    def __post_init__(self) -> None:
        require_decay(self, "decay", "0.9 is usual: the share of the average that each step keeps")
        object.__setattr__(self, "accumulator_dtype", dtype_name(self, "accumulator_dtype"))

    def init(self, params: PyTree) -> EmaState:
        return EmaState(count=first_count(), ema=zeros_like(params, self.accumulator_dtype))

    def plan(self, updates: PyTree, state: EmaState, params: PyTree, **extra: Any) -> Plan:
        count = safe_increment(state.count)
        correction = 1.0 - self.decay**count if self.debias else None
        return Plan(_rule, _Scalars(self.decay, 1 - self.decay, correction), state._replace(count=count))


class _Scalars(NamedTuple):
    kept: Scalar
    added: Scalar
    correction: jax.Array | None


def _rule(update: jax.Array, average: jax.Array, scalars: _Scalars) -> tuple[jax.Array, jax.Array]:
    average = scalars.kept * average + scalars.added * update
    return average if scalars.correction is None else average / scalars.correction, average
