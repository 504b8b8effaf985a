"""All contestants of the attention workload compute the same, at a size that takes no time."""

import pytest

from benchmarks.agreement import require_agreement
from benchmarks.workloads.attention import WORKLOAD, make_task
from tests.benchmarks.quick import quick_evidence, torch_evidence

TASK = make_task(5, heads=2, width=3)


def test_all_compute_the_same():
    expected = quick_evidence(WORKLOAD.builders["ours"], TASK)
    require_agreement("jax_grad", quick_evidence(WORKLOAD.builders["jax_grad"], TASK), "ours", expected)
    assert expected.gradients.keys() == {"q", "k", "v", "y"}


def test_pytorch_computes_the_same():
    pytest.importorskip("torch")
    expected = quick_evidence(WORKLOAD.builders["ours"], TASK)
    require_agreement("torch_eager", torch_evidence(WORKLOAD.builders["torch_eager"], TASK), "ours", expected)
