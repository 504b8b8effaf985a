"""The contestants of the sweep train the same models, all at once and one after another."""

import numpy as np

from benchmarks.agreement import require_agreement
from benchmarks.workloads import sweep
from tests.benchmarks.quick import quick_evidence

TASK = sweep.make_task((5, 4, 3), 2, models=3)


def test_all_compute_the_same() -> None:
    expected = quick_evidence(sweep.ours, TASK)
    assert expected.gradients["w1"].shape == (3, 5, 4)
    for name in ("ours_one_by_one", "ours_scanned"):
        require_agreement(name, quick_evidence(sweep.WORKLOAD.builders[name], TASK), "ours", expected)


def test_all_take_the_same_steps() -> None:
    losses = []
    for builder in sweep.WORKLOAD.builders.values():
        program = builder(TASK)
        carry, loss = program.step(program.carry, TASK.batch)
        losses.append((float(loss), float(program.step(carry, TASK.batch)[1])))
    np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-5)
