"""What the runner asks of a framework."""

from typing import NamedTuple, Protocol

import numpy as np

__all__ = ["CHECKED_STEPS", "MATMUL_SIZE", "MATMUL_TRIES", "Bench", "Costs", "Evidence"]

CHECKED_STEPS = 4  # the loss of the fourth step is the loss after three updates
MATMUL_SIZE, MATMUL_TRIES = 2048, 3  # rows and columns: 17 GFLOP, which no cache's size and no start-up time distorts


class Costs(NamedTuple):
    """What a step costs beside its time; None where the framework has no such thing."""

    trace_lower_s: float | None
    compile_s: float | None
    temp_bytes: int | None


class Evidence(NamedTuple):
    """What a contestant computes, for comparison with the others."""

    loss: float
    gradients: dict[str, np.ndarray]
    losses: list[float]  # of CHECKED_STEPS successive steps from the initial weights


class Bench(Protocol):
    """The contestants of one framework on one case at a time."""

    @property
    def compilations(self) -> int:
        """Of how many compilations the median is worth taking, at most."""
        ...

    def open(self, case: str) -> None:
        """Go to a case and forget the last one."""
        ...

    def compile(self, name: str) -> Costs:
        """Build and compile a contestant as if for the first time."""
        ...

    def check(self, name: str) -> Evidence:
        """What a compiled contestant computes from the initial weights."""
        ...

    def turn(self, name: str, steps: int, warm_up: bool = True) -> float:
        """Seconds that some steps take from the initial weights, after one step to fill caches and wake threads."""
        ...

    def matmul_rate(self) -> float:
        """Floating-point operations a second of a large product of matrices: the best of a few."""
        ...
