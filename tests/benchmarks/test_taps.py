"""The contestants of the taps workload differ in what they tell, not in what they compute."""

import pytest

from benchmarks.agreement import require_agreement
from benchmarks.workloads import gpt, mlp
from benchmarks.workloads.taps import WORKLOAD
from tests.benchmarks.quick import quick_evidence

TASKS = {"mlp": mlp.make_task((6, 8, 3), 8), "gpt": gpt.make_task(gpt.Size(2, 8, 2, 6, 2, 11))}


@pytest.mark.parametrize("task", TASKS)
def test_all_compute_the_same(task):
    first, *others = (quick_evidence(builder, TASKS[task]) for builder in WORKLOAD.builders.values())
    for name, other in zip(list(WORKLOAD.builders)[1:], others, strict=True):
        require_agreement(name, other, "ours", first)
