from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np

from benchmarks.bench import Costs, Evidence
from benchmarks.runner import TURN_SECONDS, measure, order
from benchmarks.workload import Task, Workload

WORKLOAD = Workload("fake", "Fake", {"small": lambda: Task({}, ()), "large": lambda: Task({}, ())}, builders={})


class FakeBench:
    """A bench whose steps take a known time and that notes what it is asked."""

    def __init__(self, compilations: int, step_seconds: float) -> None:
        self.compilations = compilations
        self.step_seconds = step_seconds
        self.calls: list[tuple] = []

    def open(self, case):
        self.calls.append(("open", case))

    def compile(self, name):
        self.calls.append(("compile", name))
        count = self.calls.count(("compile", name))
        return Costs(float(count), None, 1000)

    def check(self, name):
        return Evidence(1.0, {"w": np.ones(2)}, [1.0])

    def turn(self, name, steps):
        self.calls.append(("turn", name))
        return steps * self.step_seconds


def test_everyone_starts_a_round_equally_often():
    names = list("abcd")
    rounds = [order(names, number) for number in range(8)]
    assert all(sorted(names) == sorted(one) for one in rounds)
    assert set(Counter(one[0] for one in rounds).values()) == {2}
    assert len({pair for one in rounds for pair in pairwise(one)}) > 4  # neighbours change


def test_turns_are_long_enough_and_times_are_of_a_step():
    benches = {"jax": FakeBench(3, 0.001), "torch": FakeBench(1, 0.4)}
    results = measure(WORKLOAD, ["ours", "torch_eager"], benches, 4, say=lambda progress: None)
    assert [(result.case, result.name) for result in results] == [
        (case, name) for case in WORKLOAD.cases for name in ("ours", "torch_eager")
    ]
    ours, torch_eager = results[:2]
    assert ours.steps * 0.001 >= TURN_SECONDS and torch_eager.steps == 1
    assert len(ours.seconds) == 4
    assert all(abs(seconds - 0.001) < 1e-9 for seconds in ours.seconds)


def test_compile_costs_are_medians_of_as_many_as_the_bench_wants():
    benches = {"jax": FakeBench(3, 1.0), "torch": FakeBench(1, 1.0)}
    ours, torch_eager, *_ = measure(WORKLOAD, ["ours", "torch_eager"], benches, 5, say=lambda progress: None)
    assert ours.costs == Costs(2.0, None, 1000)
    assert torch_eager.costs == Costs(1.0, None, 1000)


def test_a_contestant_may_be_absent_from_a_case():
    workload = replace(WORKLOAD, absent={"torch_eager": frozenset({"small"})})
    benches = {"jax": FakeBench(1, 1.0), "torch": FakeBench(1, 1.0)}
    results = measure(workload, ["ours", "torch_eager"], benches, 2, say=lambda progress: None)
    assert [(result.case, result.name) for result in results] == [
        ("small", "ours"),
        ("large", "ours"),
        ("large", "torch_eager"),
    ]
