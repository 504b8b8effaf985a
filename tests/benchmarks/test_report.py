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
