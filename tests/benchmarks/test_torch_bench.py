from dataclasses import replace

import numpy as np
import pytest

from benchmarks.agreement import require_agreement
from benchmarks.jax_bench import JaxBench
from benchmarks.workloads import mlp
from tests.benchmarks.tiny import TINY

torch = pytest.importorskip("torch")

CASE = next(iter(TINY.cases))
WORKLOAD = replace(TINY, builders=mlp.WORKLOAD.builders)


@pytest.fixture
def bench():
    from benchmarks.torch_bench import TorchBench

    bench = TorchBench(WORKLOAD)
    bench.open(CASE)
    bench.compile("torch_eager")
    return bench


def test_torch_computes_what_jax_does(bench):
    jax_bench = JaxBench(WORKLOAD)
    jax_bench.open(CASE)
    jax_bench.compile("jax_grad")
    require_agreement("torch_eager", bench.check("torch_eager"), "jax_grad", jax_bench.check("jax_grad"))


def test_a_turn_starts_from_the_initial_weights(bench):
    before = bench.check("torch_eager")
    assert bench.turn("torch_eager", 3) > 0
    after = bench.check("torch_eager")
    assert before.losses == after.losses and before.losses[0] > before.losses[-1]
    assert all(np.array_equal(before.gradients[name], after.gradients[name]) for name in before.gradients)


def test_peak_growth_counts_what_a_step_allocates_and_frees():
    from benchmarks.torch_bench import RESET_PEAK, _peak_growth

    if not RESET_PEAK.exists():
        pytest.skip("the peak of resident memory can be reset on Linux only")
    megabytes = 64
    growth = _peak_growth(lambda: torch.ones(megabytes, 2**18).sum())
    assert growth == pytest.approx(megabytes * 2**20, rel=0.1)  # the kernel counts pages in batches
