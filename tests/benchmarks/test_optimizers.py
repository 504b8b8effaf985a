"""The contestants of the optimizer workload take the same steps, at a size that takes no time."""

from importlib.util import find_spec

import pytest

from benchmarks.agreement import require_agreement
from benchmarks.jax_bench import JaxBench
from benchmarks.workload import Workload
from benchmarks.workloads.optimizers import RECIPES, WORKLOAD, make_task


def bench_of(recipe):
    cases = {"tiny": lambda: make_task(recipe, 3, (4, 5))}
    bench = JaxBench(Workload("optimizers", "Optimizers", cases, WORKLOAD.builders))
    bench.open("tiny")
    return bench


def evidence(bench, name):
    bench.compile(name)
    return bench.check(name)


@pytest.mark.parametrize("recipe", RECIPES)
def test_all_take_the_same_steps(recipe):
    bench = bench_of(recipe)
    reference = evidence(bench, "ours")
    for name in WORKLOAD.present(f"{recipe}, 8 x 1M", ["optax", "ours_flat"]):
        require_agreement(name, evidence(bench, name), "ours", reference)


@pytest.mark.skipif(find_spec("torch") is None, reason="needs backprop-jax[torch]")
@pytest.mark.parametrize("recipe", ["adamw", "sgd + momentum"])
def test_pytorch_takes_the_same_steps(recipe):
    from benchmarks.torch_bench import TorchBench

    reference = evidence(bench_of(recipe), "ours")
    cases = {"tiny": lambda: make_task(recipe, 3, (4, 5))}
    bench = TorchBench(Workload("optimizers", "Optimizers", cases, WORKLOAD.builders))
    bench.open("tiny")
    for name in ("torch_foreach", "torch_fused"):
        require_agreement(name, evidence(bench, name), "ours", reference)
