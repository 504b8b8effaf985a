"""The contestants of the convolution sweep compute the same, at sizes that take no time."""

import pytest

from benchmarks.agreement import require_agreement
from benchmarks.workloads.conv import RESULTS, SHAPES, WORKLOAD, Shape, make_task
from tests.benchmarks.quick import quick_evidence, torch_evidence

STRIDED, DEPTHWISE = Shape(3, 2, 3, 4, 5), Shape(5, 1, 4, 4, 6, groups=4)


@pytest.mark.parametrize("shape", [STRIDED, DEPTHWISE], ids=str)
def test_both_backward_passes_compute_the_same(shape):
    task = make_task(shape, "step", batch=2)
    theirs, ours = (quick_evidence(WORKLOAD.builders[name], task) for name in ("jax_grad", "ours"))
    assert set(theirs.gradients) == set(RESULTS["step"])
    require_agreement("ours", ours, "jax_grad", theirs)


@pytest.mark.parametrize(
    ("what", "shape"), [("step", DEPTHWISE), ("weight gradient", STRIDED), ("forward", STRIDED)], ids=str
)
def test_pytorch_computes_the_same(what, shape):
    pytest.importorskip("torch")
    task = make_task(shape, what, batch=2)
    theirs, ours = (
        torch_evidence(WORKLOAD.builders["torch_eager"], task),
        quick_evidence(WORKLOAD.builders["ours"], task),
    )
    assert set(theirs.gradients) == set(RESULTS[what])
    require_agreement("torch_eager", theirs, "ours", ours)


def test_the_mean_is_over_the_whole_sweep():
    assert len(WORKLOAD.means["weight gradient"]) == len(set(SHAPES)) == 20
    assert {case for cases in WORKLOAD.means.values() for case in cases} == set(WORKLOAD.cases)
