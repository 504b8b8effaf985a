from dataclasses import replace

import pytest

from benchmarks.bench import Costs
from benchmarks.report import document, markdown
from benchmarks.runner import Result
from tests.benchmarks.tiny import TINY

CASES = ("small", "middle", "large")
SWEEP = replace(TINY, means={"sweep": CASES[:2], "nobody was here": ("absent",)})


def result(case: str, name: str, seconds: float) -> Result:
    return Result(case, name, [seconds], 1, Costs(None, None, None))


def test_ratios_of_a_sweep_are_averaged_and_the_largest_named():
    results = [result(case, "ours", seconds) for case, seconds in zip(CASES, (1.0, 2.0, 100.0), strict=True)]
    results += [result(case, "jax_grad", seconds) for case, seconds in zip(CASES, (4.0, 2.0, 1.0), strict=True)]
    written = document(SWEEP, results, {}, [])
    (mean,) = written["means"]  # of 1/4 and 1; what is not in the sweep has no part in it
    assert mean == {
        "title": "sweep",
        "name": "jax_grad",
        "mean": pytest.approx(0.5),
        "worst": 1.0,
        "worst_case": "middle",
    }
    assert "| sweep | jax_grad | 0.50 | 1.00 | middle |" in markdown(written)


def test_share_of_the_machine_and_memory_by_length_are_told_where_they_are_known():
    rates = {"jax": [1e9, 2e9], "torch": [2e9, 1e9]}
    timed = Result("small", "ours", [1.0, 0.5], 1, Costs(None, None, 6000), rates)
    workload = replace(TINY, flops={"small": 10**9}, lengths={"small": 3})
    written = document(workload, [timed], {}, [])
    (entry,) = written["contestants"]
    assert entry["matmul_share"] == pytest.approx((0.5 + 1.0) / 2)  # of the faster framework, round by round
    assert entry["bytes_a_token"] == 2000
    assert written["matmul_gflops"] == {"jax": 1.5, "torch": 1.5}
    table = markdown(written)
    assert "of the machine" in table and "| 75% |" in table and "| kB a token |" in table and "jax 2 GFLOP/s" in table


def test_columns_of_which_nothing_is_known_are_not_there():
    table = markdown(document(TINY, [result("small", "ours", 1.0)], {}, []))
    header = next(line for line in table.splitlines() if line.startswith("| small"))
    assert header == "| small | step, ms | spread | time: ours / it |"
