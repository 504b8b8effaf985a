"""The contestants of the curvature workload find the same curvature, at a size that takes no time."""

import pytest

from benchmarks.agreement import require_agreement
from benchmarks.workloads.curvature import WORKLOAD, make_task
from tests.benchmarks.quick import quick_evidence, torch_evidence


@pytest.mark.parametrize("kind", ["Kronecker", "diagonal"])
def test_all_find_the_same(kind: str) -> None:
    task = make_task(kind, (6, 5, 5, 3), 4)
    reference = quick_evidence(WORKLOAD.builders["ours"], task)
    for name in ("ours_plain", "jax_grad"):
        require_agreement(name, quick_evidence(WORKLOAD.builders[name], task), "ours", reference)


@pytest.mark.filterwarnings("ignore:Full backward hook")  # what BackPACK hangs on the model expects this
@pytest.mark.parametrize("kind", ["Kronecker", "diagonal"])
def test_backpack_finds_the_same(kind: str) -> None:
    pytest.importorskip("backpack")
    task = make_task(kind, (6, 5, 5, 3), 4)
    reference = quick_evidence(WORKLOAD.builders["ours"], task)
    require_agreement("backpack", torch_evidence(WORKLOAD.builders["backpack"], task), "ours", reference)
