"""The contestants of the recurrent layers compute the same, at sizes that take no time."""

import jax
import pytest

from benchmarks.agreement import require_agreement
from benchmarks.recurrent_layers import Shape, make_task, recurrent_workload
from tests.benchmarks.quick import quick_evidence, torch_evidence
from tests.temporary_memory import temporary_bytes

SMALL = Shape(2, 3, 4)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_all_compute_the_same(kind: str) -> None:
    task, builders = make_task(kind, SMALL), recurrent_workload(kind).builders
    ours = quick_evidence(builders["ours"], task)
    assert set(ours.gradients) == {"y", "x", *task.weights}
    for name in ("jax_grad", "flax_optax"):
        require_agreement("ours", ours, name, quick_evidence(builders[name], task))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_pytorch_computes_the_same(kind: str) -> None:
    pytest.importorskip("torch")
    task, builders = make_task(kind, SMALL), recurrent_workload(kind).builders
    theirs = torch_evidence(builders["torch_eager"], task)
    require_agreement("torch_eager", theirs, "ours", quick_evidence(builders["ours"], task))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_temporary_memory_is_not_above_that_of_jax_grad(kind: str) -> None:
    """Through a scan whose product with x is taken out of it by hand."""
    task, builders = make_task(kind, Shape(4, 32, 32)), recurrent_workload(kind).builders
    ours, theirs = (
        temporary_bytes(jax.jit(program.gradients).lower(program.carry, task.batch))
        for program in (builders[name](task) for name in ("ours", "jax_grad"))
    )
    assert ours <= theirs
