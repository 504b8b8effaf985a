from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.bench import Costs, Evidence
from benchmarks.errors import WorkerFailed
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

    def turn(self, name, steps, warm_up=True):
        self.calls.append(("turn", name, warm_up))
        return steps * self.step_seconds

    def matmul_rate(self):
        self.calls.append(("matmul_rate",))
        return 1e9 * self.compilations


def test_everyone_starts_a_round_equally_often():
    names = list("abcd")
    rounds = [order(names, number) for number in range(8)]
    assert all(sorted(names) == sorted(one) for one in rounds)
    assert set(Counter(one[0] for one in rounds).values()) == {2}
    assert len({pair for one in rounds for pair in pairwise(one)}) > 4  # neighbours change


def test_turns_are_long_enough_and_times_are_of_a_step():
    benches = {"jax": FakeBench(3, 0.001), "torch": FakeBench(1, 0.4)}
    results, _ = measure(WORKLOAD, ["ours", "torch_eager"], benches, 4, say=lambda progress: None)
    assert [(result.case, result.name) for result in results] == [
        (case, name) for case in WORKLOAD.cases for name in ("ours", "torch_eager")
    ]
    ours, torch_eager = results[:2]
    assert ours.steps * 0.001 >= TURN_SECONDS and torch_eager.steps == 1
    assert len(ours.seconds) == 4
    assert all(abs(seconds - 0.001) < 1e-9 for seconds in ours.seconds)


def test_compile_costs_are_medians_of_as_many_as_the_bench_wants():
    benches = {"jax": FakeBench(3, 1.0), "torch": FakeBench(1, 1.0)}
    (ours, torch_eager, *_), _ = measure(WORKLOAD, ["ours", "torch_eager"], benches, 5, say=lambda progress: None)
    assert ours.costs == Costs(2.0, None, 1000)
    assert torch_eager.costs == Costs(1.0, None, 1000)


def test_a_contestant_may_be_absent_from_a_case():
    workload = replace(WORKLOAD, absent={"torch_eager": frozenset({"small"})})
    benches = {"jax": FakeBench(1, 1.0), "torch": FakeBench(1, 1.0)}
    results, _ = measure(workload, ["ours", "torch_eager"], benches, 2, say=lambda progress: None)
    assert [(result.case, result.name) for result in results] == [
        ("small", "ours"),
        ("large", "ours"),
        ("large", "torch_eager"),
    ]


class Uncompiled(FakeBench):
    """Nothing but eager code runs."""

    def compile(self, name):
        if name != "torch_eager":
            raise WorkerFailed(f"no compiler for {name}")
        return super().compile(name)


def test_who_may_fail_to_compile_is_left_out_and_the_others_go_on():
    benches = {"jax": FakeBench(1, 1.0), "torch": Uncompiled(1, 1.0)}
    said = []
    results, failed = measure(WORKLOAD, ["ours", "torch_eager", "torch_compile"], benches, 2, said.append)
    assert [result.name for result in results] == 2 * ["ours", "torch_eager"]
    assert failed == {"torch_compile": "no compiler for torch_compile"}
    assert said.count("torch_compile is left out: no compiler for torch_compile") == 1
    with pytest.raises(WorkerFailed):
        measure(WORKLOAD, ["ours"], {"jax": Uncompiled(1, 1.0)}, 2, said.append)
    with pytest.raises(WorkerFailed):
        measure(WORKLOAD, ["torch_compile"], {"torch": Uncompiled(1, 1.0)}, 2, said.append)


def test_the_machine_s_rate_is_taken_every_round_where_products_are_counted():
    benches = {"jax": FakeBench(3, 1.0), "torch": FakeBench(1, 1.0)}
    workload = replace(WORKLOAD, flops={"large": 10**9})
    results, _ = measure(workload, ["ours", "torch_eager"], benches, 4, say=lambda progress: None)
    rates = {(result.case, result.name): result.rates for result in results}
    assert rates["small", "ours"] == {}
    assert rates["large", "ours"] == rates["large", "torch_eager"] == {"jax": 4 * [3e9], "torch": 4 * [1e9]}


def test_long_steps_need_no_warm_up():
    for seconds, warm_up in ((0.5, True), (2.0, False)):
        bench = FakeBench(1, seconds)
        measure(WORKLOAD, ["ours"], {"jax": bench}, 1, say=lambda progress: None)
        assert bench.calls[-1] == ("turn", "ours", warm_up)
