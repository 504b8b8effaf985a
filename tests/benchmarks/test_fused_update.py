"""The fused and the whole step of the fused_update workload compute the same, at a size that takes no time."""

import jax
import pytest

from benchmarks.agreement import require_agreement
from benchmarks.jax_bench import JaxBench
from benchmarks.workload import Workload
from benchmarks.workloads.fused_update import WORKLOAD, make_task


def test_both_compute_the_same_and_memory_counts_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "clear_caches", lambda: None)  # of all the other tests
    small = Workload("small", "", {"small": small_task}, WORKLOAD.builders, counts_arguments=True)
    bench = JaxBench(small)
    bench.open("small")
    costs = {name: bench.compile(name) for name in small.builders}
    evidence = {name: bench.check(name) for name in small.builders}
    require_agreement("ours_plain", evidence["ours_plain"], "ours", evidence["ours"])
    assert evidence["ours"].gradients.keys() == small_task().weights.keys()
    weights = sum(leaf.nbytes for leaf in small_task().weights.values())
    for cost in costs.values():
        assert cost.temp_bytes is not None and cost.temp_bytes > 3 * weights  # parameters and two averages of Adam
    assert bench.turn("ours", 1) > 0


def small_task():
    return make_task(depth=2, width=8, batch=3)
