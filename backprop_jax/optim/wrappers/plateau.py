"""Scale updates down when the loss stops falling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.hyperparameters import Scalar, concrete, require_count, require_non_negative, require_positive
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Leafwise, Plan
from backprop_jax.optim.wrappers.state_types import highest_dtype, keep_types, lowest_dtype, where, wide_real


class ReduceLROnPlateauState(NamedTuple):
    """The scale, the best mean, means since then, means that will not count, and the mean of `count` values so far."""

    scale: jax.Array
    best_value: jax.Array
    plateau_count: jax.Array
    cooldown_count: jax.Array
    count: jax.Array
    avg_value: jax.Array


@dataclass(frozen=True)
class reduce_on_plateau(Leafwise):
    """Multiply updates by a scale that falls by `factor` when the value given to update stops falling.

        v = mean of `accumulation_size` values;   it is better if  v < (1 - rtol) best - atol
        after `patience` means in a row that are not:  scale <- max(factor scale, min_scale),
        and the next `cooldown` means do not count

    Use it after an optimizer: chain(adam(1e-3), reduce_on_plateau()), with update(..., value=loss).

    State:  `ReduceLROnPlateauState(scale, best_value, plateau_count, cooldown_count, count, avg_value)`: scale in the
            lowest dtype of the parameters, the values in the highest, counts int32.
    Raises: ValueError if factor is outside (0, 1), rtol outside [0, 1], patience or accumulation_size no
            whole number above 0, atol,
            cooldown or min_scale negative, or rtol and atol both 0; at update if `value` is missing.
    """

    factor: Scalar = 0.1
    patience: int = 10
    rtol: Scalar = 1e-4
    atol: Scalar = 0.0
    cooldown: int = 0
    accumulation_size: int = 1
    min_scale: Scalar = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "factor", "the scale is multiplied by it; 0.1 is usual")
        require_count(self, "patience", "it is how many values may pass without a better one")
        require_count(self, "accumulation_size", "it is the number of values to a mean")
        for name in ("rtol", "atol", "cooldown", "min_scale"):
            require_non_negative(self, name, f"{getattr(type(self), name)} is usual")
        factor, rtol, atol = concrete(self.factor), concrete(self.rtol), concrete(self.atol)
        if factor is not None and factor >= 1:
            raise ValueError(f"reduce_on_plateau: factor must be below 1, got {self.factor!r}; 0.1 is usual")
        if rtol is not None and rtol > 1:
            raise ValueError(f"reduce_on_plateau: rtol must be at most 1, got {self.rtol!r}; 1e-4 is usual")
        if rtol is not None and atol is not None and rtol == 0 and atol == 0:
            raise ValueError("reduce_on_plateau: rtol and atol are both 0, got no tolerance; rtol=1e-4 is usual")

    def init(self, params: PyTree) -> ReduceLROnPlateauState:
        return ReduceLROnPlateauState(
            scale=jnp.ones((), lowest_dtype(params)),
            best_value=jnp.full((), jnp.inf, highest_dtype(params)),
            plateau_count=first_count(),
            cooldown_count=first_count(),
            count=first_count(),
            avg_value=jnp.zeros((), highest_dtype(params)),
        )

    def plan(
        self, updates: PyTree, state: ReduceLROnPlateauState, params: PyTree, *, value: Any = None, **extra: Any
    ) -> Plan:
        if value is None:
            raise ValueError("reduce_on_plateau: update needs the loss; call update(..., value=loss)")
        count = safe_increment(state.count)
        mean = wide_real(state.avg_value)
        mean = (state.count * mean + jnp.asarray(value, mean.dtype)) / count
        gathering = state._replace(count=count, avg_value=keep_types(mean, state.avg_value))
        state = where(count == self.accumulation_size, self._judge(gathering), gathering)
        return Plan(_rule, state.scale, state)

    def _judge(self, state: ReduceLROnPlateauState) -> ReduceLROnPlateauState:
        """What the mean that is complete now means for the scale."""
        mean, best, scale = map(wide_real, (state.avg_value, state.best_value, state.scale))
        is_better = mean < (1 - self.rtol) * best - self.atol
        waited = jnp.where(is_better, 0, safe_increment(state.plateau_count))
        cools = state.cooldown_count > 0
        falls = ~cools & (waited == self.patience)
        new_scale = jnp.maximum(jnp.where(falls, scale * self.factor, scale), self.min_scale)
        new = state._replace(
            scale=jnp.where(cools, scale, new_scale),
            best_value=jnp.where(is_better, mean, best),
            plateau_count=jnp.where(cools | falls, 0, waited),
            cooldown_count=jnp.where(cools, state.cooldown_count - 1, jnp.where(falls, self.cooldown, 0)),
            count=first_count(),
            avg_value=jnp.zeros_like(mean),
        )
        return keep_types(new, state)


def _rule(update: jax.Array, scale: jax.Array) -> jax.Array:
    return wide_real(scale) * update
