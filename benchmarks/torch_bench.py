"""Compiling, checking and timing PyTorch contestants.

Thread settings are PyTorch's own, as its users have them. Its OpenMP threads spin for about 10 ms after work, which
would take a core from the contestant that is next. `OMP_WAIT_POLICY=passive` forbids that, but changes PyTorch's own
speed. So instead a turn ends, its time already taken, with a pause long enough for them to fall asleep.
"""

import ctypes
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.bench import CHECKED_STEPS, MATMUL_SIZE, MATMUL_TRIES, Costs, Evidence
from benchmarks.workload import Task, TorchProgram, Workload

__all__ = ["TorchBench"]

SETTLE_SECONDS = 0.03
STATUS, RESET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class TorchBench:
    """PyTorch contestants on the CPU."""

    compilations = 1  # torch.compile takes tens of seconds

    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    def open(self, case: str) -> None:
        self._task: Task = self._workload.cases[case]()
        self._programs: dict[str, TorchProgram] = {}

    def compile(self, name: str) -> Costs:
        # Otherwise a second case would meet the first one's code and get a version for all shapes, which is slower.
        torch.compiler.reset()
        program = self._programs[name] = self._workload.builders[name](self._task)
        first, second = (_seconds(program.step) for _ in range(2))
        temp_bytes = _peak_growth(program.step)
        time.sleep(SETTLE_SECONDS)
        return Costs(None, max(0.0, first - second) if program.compiled else None, temp_bytes)

    def check(self, name: str) -> Evidence:
        program = self._programs[name]
        program.reset()
        loss, gradients = program.gradients()
        losses = [program.step().item() for _ in range(CHECKED_STEPS)]
        return Evidence(loss.item(), {leaf: gradient.numpy() for leaf, gradient in gradients.items()}, losses)

    def turn(self, name: str, steps: int, warm_up: bool = True) -> float:
        program = self._programs[name]
        program.reset()
        if warm_up:
            program.step()
        start = time.perf_counter()
        for _ in range(steps):
            program.step()
        seconds = time.perf_counter() - start
        time.sleep(SETTLE_SECONDS)
        return seconds

    def matmul_rate(self) -> float:
        matrix = torch.full((MATMUL_SIZE, MATMUL_SIZE), 0.5)
        torch.mm(matrix, matrix)  # threads awake
        seconds = min(_seconds(lambda: torch.mm(matrix, matrix)) for _ in range(MATMUL_TRIES))
        time.sleep(SETTLE_SECONDS)
        return 2 * MATMUL_SIZE**3 / seconds


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _peak_growth(step: Callable[[], object]) -> int | None:
    """By how much resident memory grows over a step at its peak: the median of five steps; None where not Linux.

    Before each, what the allocator keeps for later goes back to the system, and the system's record of the peak is
    reset. Gradients count, for a step leaves none behind; parameters and optimizer state do not. So do the buffers of
    the matmul library, which XLA's own figure leaves out: the two are not held against each other.
    """
    if not RESET_PEAK.exists():
        return None
    growths = []
    for _ in range(5):
        ctypes.CDLL(None).malloc_trim(0)
        RESET_PEAK.write_text("5")
        before = _status_bytes("VmRSS")
        step()
        growths.append(_status_bytes("VmHWM") - before)
    return int(statistics.median(growths))


def _status_bytes(field: str) -> int:
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1]) * 1024
