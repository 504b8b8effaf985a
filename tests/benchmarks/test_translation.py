"""All contestants of the translation workload compute the same, at a size that takes no time."""

import pytest

from benchmarks.agreement import require_agreement
from benchmarks.contestants import obstacle
from benchmarks.workloads.translation import WORKLOAD, Size, make_task
from tests.benchmarks.quick import quick_evidence, torch_evidence

TASK = make_task(Size(layers=2, features=8, heads=2, hidden=12, steps=6, batch=2, vocabulary=11))


@pytest.fixture(scope="module")
def expected():
    """What ours computes."""
    return quick_evidence(WORKLOAD.builders["ours"], TASK)


@pytest.mark.parametrize("name", ["ours_block", "jax_grad", "flax_optax", "flax_optax_remat"])
def test_all_compute_the_same(name, expected):
    if obstacle(name):
        pytest.skip(f"{name} {obstacle(name)}")
    require_agreement(name, quick_evidence(WORKLOAD.builders[name], TASK), "ours", expected)
    assert expected.gradients.keys() == TASK.weights.keys()


def test_pytorch_computes_the_same(expected):
    pytest.importorskip("torch")
    require_agreement("torch_eager", torch_evidence(WORKLOAD.builders["torch_eager"], TASK), "ours", expected)
