"""The contract of a workload: what is computed, on which data, and one builder a contestant.

`workloads/<name>.py` defines `WORKLOAD`. The parent process and every worker import that file, and the parent needs no
framework: import jax, torch and the rest inside the builders.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

import numpy as np

from benchmarks import workloads
from benchmarks.agreement import GRADIENT_TOLERANCE
from benchmarks.errors import UsageError

__all__ = ["Builder", "JaxProgram", "Task", "TorchProgram", "Workload", "load", "names"]


class Task(NamedTuple):
    """What all contestants of a case start from, in NumPy. The workload chooses names and layouts of the weights."""

    weights: dict[str, np.ndarray]
    batch: tuple[np.ndarray, ...]
    variant: str = ""  # which of several things to compute, where cases differ in more than size


@dataclass(frozen=True)
class JaxProgram:
    """A training step in JAX. Neither function is jitted yet: the runner does that, alike for all."""

    step: Callable[[Any, Any], tuple[Any, Any]]  # (carry, batch) -> (carry, loss); carry is donated
    gradients: Callable[[Any, Any], tuple[Any, Mapping[str, Any]]]  # (carry, batch) -> (loss, {Task's name: gradient})
    carry: Any  # the first one: parameters, state, optimizer state
    # Of a step that is compiled in parts, and so not jitted as a whole: (carry, batch) -> the most it holds at once.
    peak_bytes: Callable[[Any, Any], int] | None = None


@dataclass(frozen=True)
class TorchProgram:
    """A training step in PyTorch. A step leaves no gradient behind, so that gradients count as temporary as in JAX."""

    step: Callable[[], Any]  # () -> loss, as a tensor
    gradients: Callable[[], tuple[Any, Mapping[str, Any]]]  # () -> (loss, {Task's name: gradient})
    reset: Callable[[], None]  # back to the weights of the Task and a fresh optimizer, in place
    compiled: bool = False  # whether the first step compiles


Builder = Callable[[Task], Any]  # gives a JaxProgram or a TorchProgram, as the contestant's framework is


@dataclass(frozen=True)
class Workload:
    """One thing to compute, in one or several sizes. It is pickled to the workers: use module-level functions."""

    name: str
    title: str
    cases: Mapping[str, Callable[[], Task]]
    builders: Mapping[str, Builder]
    absent: Mapping[str, frozenset[str]] = field(default_factory=dict)  # contestant: cases that make no sense for it
    gradient_tolerance: float = GRADIENT_TOLERANCE  # relative, of each leaf: wider only for a reason that is told
    means: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # title: cases whose ratios are averaged as well
    flops: Mapping[str, int] = field(default_factory=dict)  # case: of the matrix products that a step needs
    counts_arguments: bool = False  # whether memory is the most that a step holds, what it is given included
    lengths: Mapping[str, int] = field(default_factory=dict)  # case: of the sequence, by which memory is divided

    def only(self, text: str) -> "Workload":
        """With only those cases whose names contain the text."""
        cases = {case: make for case, make in self.cases.items() if text in case}
        if not cases:
            raise UsageError(f"{self.name} has no case with {text!r} in its name: choose from {'; '.join(self.cases)}")
        return replace(self, cases=cases)

    def present(self, case: str, names: Sequence[str]) -> list[str]:
        """Those of the contestants `names` that take part in a case."""
        return [name for name in names if case not in self.absent.get(name, ())]


def names() -> list[str]:
    """The names of all workloads."""
    return sorted(module.name for module in iter_modules(workloads.__path__))


def load(name: str) -> Workload:
    """The workload of that name."""
    if name not in names():
        raise UsageError(f"unknown workload {name!r}: choose from {', '.join(names())}")
    return import_module(f"{workloads.__name__}.{name}").WORKLOAD
