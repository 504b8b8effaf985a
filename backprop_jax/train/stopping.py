"""When to end a training early."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

from backprop_jax.core.whole_number import whole_number

__all__ = ["EarlyStopping", "early_stopping"]


def early_stopping(
    patience: int, min_delta: float = 0.0, metric: str = "validation_loss", mode: Literal["min", "max"] = "min"
) -> "EarlyStopping":
    """The function of a history that tells whether to end: for `fit(..., stop=early_stopping(patience=5))`."""
    return EarlyStopping(patience, min_delta, metric, mode)


@dataclass(frozen=True)
class EarlyStopping:
    """True once the last `patience` epochs brought no better metric than the best before them.

    Better is smaller, or larger with mode="max", by more than `min_delta`; NaN is never better. The answer depends on
    the history alone, so that a training that goes on from a checkpoint ends where it would have ended. The parameters
    of the best epoch are those of the best checkpoint, not the last ones.

    Raises:   ValueError if patience is no whole number of 1 or more, min_delta is negative or NaN, mode is neither
              "min" nor "max"; and for a history whose rows have no such metric.
    Source:   Goodfellow, Bengio & Courville, 2016, "Deep Learning", algorithm 7.1.
    """

    patience: int
    min_delta: float = 0.0
    metric: str = "validation_loss"
    mode: Literal["min", "max"] = "min"

    def __post_init__(self) -> None:
        if whole_number(self.patience, least=1) is None:
            raise ValueError(f"early_stopping needs a patience of 1 epoch or more, not {self.patience!r}")
        if not isinstance(self.min_delta, Real) or not self.min_delta >= 0:
            raise ValueError(f"early_stopping needs a min_delta of 0 or more, not {self.min_delta!r}")
        if self.mode not in ("min", "max"):
            raise ValueError(f'early_stopping needs mode "min" or "max", not {self.mode!r}')

    def __call__(self, history: Sequence[Any]) -> bool:
        best, since = float("inf"), 0
        for row in history:
            value = self._of(row)
            is_better = value < best - self.min_delta
            best, since = (value, 0) if is_better else (best, since + 1)
        return since >= self.patience

    def _of(self, row: Any) -> float:
        value = getattr(row, self.metric, None)
        if not isinstance(value, Real):
            numbers = [name for name in row._fields if isinstance(getattr(row, name), Real)]
            raise ValueError(
                f"early_stopping: a row of this history has no number {self.metric!r}; choose metric= "
                f"among {', '.join(numbers)}"
            )
        return float(value) if self.mode == "min" else -float(value)
