"""The contestants of the projection's loss compute the same, at a size that takes no time."""

import pytest

from benchmarks.agreement import require_agreement
from benchmarks.workloads.linear_cross_entropy import WORKLOAD, Shape, make_task
from tests.benchmarks.quick import quick_evidence, torch_evidence

SMALL = Shape(16, 7, 4)


def test_all_compute_the_same() -> None:
    task = make_task(SMALL)
    ours = quick_evidence(WORKLOAD.builders["ours"], task)
    assert set(ours.gradients) == {"hidden", "table"}
    for name in ("jax_grad", "jax_checkpoint"):
        require_agreement("ours", ours, name, quick_evidence(WORKLOAD.builders[name], task))


def test_pytorch_computes_the_same() -> None:
    pytest.importorskip("torch")
    task = make_task(SMALL)
    theirs = torch_evidence(WORKLOAD.builders["torch_eager"], task)
    require_agreement("torch_eager", theirs, "ours", quick_evidence(WORKLOAD.builders["ours"], task))
