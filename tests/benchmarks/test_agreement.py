from dataclasses import replace

import numpy as np
import pytest

from benchmarks import jax_bench
from benchmarks.agreement import require_agreement
from benchmarks.bench import Evidence
from benchmarks.errors import Disagreement
from benchmarks.runner import measure
from tests.benchmarks.tiny import TINY

REFERENCE = Evidence(2.0, {"w": np.ones((3, 4)), "b": np.full(4, 1e-9)}, [2.0, 1.5, 1.2, 1.0])


def disagreement(**changes) -> str:
    with pytest.raises(Disagreement) as caught:
        require_agreement("theirs", REFERENCE._replace(**changes), "ours", REFERENCE)
    return str(caught.value)


def test_rounding_is_agreement():
    rounded = {"w": REFERENCE.gradients["w"] * (1 + 1e-6), "b": -REFERENCE.gradients["b"]}  # b is noise beside w
    require_agreement("theirs", REFERENCE._replace(loss=2.000001, gradients=rounded), "ours", REFERENCE)


@pytest.mark.parametrize("wrong", [1.001, -1.0, np.nan])
def test_a_wrong_gradient_is_named(wrong):
    message = disagreement(gradients=REFERENCE.gradients | {"w": REFERENCE.gradients["w"] * wrong})
    assert "theirs does not compute what ours does: gradient of w differs" in message
    assert "gradient of b" not in message


def test_every_wrong_leaf_is_named():
    message = disagreement(gradients={name: leaf + 0.1 for name, leaf in REFERENCE.gradients.items()})
    assert "gradient of w" in message and "gradient of b" in message


def test_a_transposed_gradient_is_named():
    assert "w has the shape (4, 3) against (3, 4)" in disagreement(
        gradients=REFERENCE.gradients | {"w": REFERENCE.gradients["w"].T}
    )


def test_a_missing_gradient_is_named():
    assert "gradients of ['w'] against ['b', 'w']" in disagreement(gradients={"w": REFERENCE.gradients["w"]})


def test_a_wrong_loss_is_told():
    assert "loss 2.1 against 2" in disagreement(loss=2.1)


@pytest.mark.parametrize("last", [1.01, np.nan])
def test_training_that_goes_elsewhere_is_told(last):
    assert "loss after 3 steps" in disagreement(losses=[2.0, 1.5, 1.2, last])


def test_the_runner_refuses_a_contestant_with_a_dropped_bias_gradient():
    def faulty(task):
        program = TINY.builders["ours"](task)

        def gradients(carry, batch):
            loss, by_name = program.gradients(carry, batch)
            return loss, by_name | {"b2": 0 * by_name["b2"]}

        return replace(program, gradients=gradients)

    workload = replace(TINY, builders=dict(TINY.builders) | {"ours": faulty})
    with pytest.raises(
        Disagreement, match=r"^ours does not compute what jax_grad does: gradient of b2 differs by 1.0e\+00$"
    ):
        measure(workload, ["ours", "jax_grad"], {"jax": jax_bench.JaxBench(workload)}, 1, say=lambda progress: None)
