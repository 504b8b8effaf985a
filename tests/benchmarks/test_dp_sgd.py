"""All contestants of the dp_sgd workload clip the same, at a size that takes no time."""

import jax
import numpy as np
import pytest

from benchmarks.agreement import require_agreement
from benchmarks.contestants import obstacle
from benchmarks.workloads import dp_sgd, gpt, mlp
from tests.benchmarks.quick import quick_evidence, torch_evidence

TASK = mlp.make_task((6, 8, 8, 3), 16)


@pytest.fixture(scope="module")
def expected():
    """What ours computes."""
    return quick_evidence(dp_sgd.ours, TASK)


@pytest.mark.parametrize("name", ["ours_plain", "vmap_grad"])
def test_all_compute_the_same(name, expected):
    require_agreement(name, quick_evidence(dp_sgd.WORKLOAD.builders[name], TASK), "ours", expected)


@pytest.mark.filterwarnings("ignore:Full backward hook")  # what Opacus hangs on the model expects this
def test_opacus_computes_the_same(expected):
    if obstacle("opacus"):
        pytest.skip(f"opacus {obstacle('opacus')}")
    require_agreement("opacus", torch_evidence(dp_sgd.opacus, TASK), "ours", expected)


def test_ours_is_private_for_gpt_too():
    task = gpt.make_task(gpt.Size(layers=1, features=8, heads=2, steps=4, batch=3, vocabulary=11))
    evidence = quick_evidence(dp_sgd.ours, task)
    norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in evidence.gradients.values()))
    assert evidence.gradients.keys() == task.weights.keys() and norm <= dp_sgd.CLIP


def test_the_gradients_compared_are_clipped(expected):
    norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(dict(expected.gradients))))
    plain = quick_evidence(mlp.ours, TASK)
    plain_norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(dict(plain.gradients))))
    assert norm <= dp_sgd.CLIP < plain_norm
