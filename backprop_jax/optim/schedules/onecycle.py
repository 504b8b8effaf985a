"""Schedules of one cycle: a rise to a high value, and a fall to a much lower one than the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backprop_jax.optim.hyperparameters import Scalar, require_positive
from backprop_jax.optim.schedules.piecewise import piecewise_interpolate_schedule


@dataclass(frozen=True)
class linear_onecycle_schedule:
    """Rise in a line to peak_value and fall back, then fall further: one cycle.

        value(0)                  = peak_value / div_factor
        value(pct_start steps)    = peak_value
        value(pct_final steps)    = peak_value / div_factor
        value(transition_steps)   = peak_value / div_factor / final_div_factor, and stays there

    where `pct_start steps` is the share of transition_steps, rounded down.

    Raises: ValueError unless transition_steps, div_factor and final_div_factor are above 0, and
            0 <= pct_start <= pct_final <= 1.
    Source: Smith & Topin, 2017, arXiv:1708.07120.
    """

    transition_steps: int
    peak_value: Scalar
    pct_start: float = 0.3
    pct_final: float = 0.85
    div_factor: Scalar = 25.0
    final_div_factor: Scalar = 1e4

    def __post_init__(self) -> None:
        _check_cycle(self, "pct_start", "pct_final")

    def __call__(self, count: Scalar) -> Scalar:
        steps = self.transition_steps
        scales = {
            int(self.pct_start * steps): self.div_factor,
            int(self.pct_final * steps): 1.0 / self.div_factor,
            int(steps): 1.0 / self.final_div_factor,
        }
        return piecewise_interpolate_schedule("linear", self.peak_value / self.div_factor, scales)(count)


@dataclass(frozen=True)
class cosine_onecycle_schedule:
    """Rise along half a cosine to peak_value, and fall along another: one cycle.

        value(0)                  = peak_value / div_factor
        value(pct_start steps)    = peak_value
        value(transition_steps)   = peak_value / div_factor / final_div_factor, and stays there

    where `pct_start steps` is the share of transition_steps, rounded down.

    Raises: ValueError unless transition_steps, div_factor and final_div_factor are above 0, and 0 <= pct_start <= 1.
    Source: Smith & Topin, 2017, arXiv:1708.07120; in cosines as in PyTorch's OneCycleLR.
    """

    transition_steps: int
    peak_value: Scalar
    pct_start: float = 0.3
    div_factor: Scalar = 25.0
    final_div_factor: Scalar = 1e4

    def __post_init__(self) -> None:
        _check_cycle(self, "pct_start")

    def __call__(self, count: Scalar) -> Scalar:
        scales = {
            int(self.pct_start * self.transition_steps): self.div_factor,
            int(self.transition_steps): 1.0 / (self.div_factor * self.final_div_factor),
        }
        return piecewise_interpolate_schedule("cosine", self.peak_value / self.div_factor, scales)(count)


def _check_cycle(schedule: Any, *shares: str) -> None:
    require_positive(schedule, "transition_steps", "it is the number of steps of the whole cycle")
    require_positive(schedule, "div_factor", "peak_value is divided by it at the start")
    require_positive(schedule, "final_div_factor", "the first value is divided by it at the end")
    values = [getattr(schedule, name) for name in shares]
    if not [0.0, *values, 1.0] == sorted([0.0, *values, 1.0]):
        raise ValueError(
            f"{type(schedule).__name__}: {', '.join(shares)} must rise within [0, 1], got "
            f"{', '.join(map(repr, values))}; they are shares of transition_steps"
        )
