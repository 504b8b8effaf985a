"""All contestants of the image workloads compute the same, at sizes that take no time."""

import numpy as np
import pytest

from benchmarks.agreement import require_agreement
from benchmarks.contestants import obstacle
from benchmarks.leaves import channels_first, channels_last, name_of
from benchmarks.workloads import lenet, resnet20
from tests.benchmarks.quick import quick_evidence, torch_evidence

# Small enough that no ReLU's input is within rounding of zero: they agree to the usual tolerance.
TINY = {
    "lenet": (lenet.make_task(2), lenet.WORKLOAD.builders),
    "resnet": (resnet20.make_task(8, 3, 8), resnet20.contestants(8)),
}


@pytest.fixture(scope="module", params=TINY)
def reference(request):
    """A task, its builders, and what ours computes."""
    task, builders = TINY[request.param]
    return task, builders, quick_evidence(builders["ours"], task)


@pytest.mark.parametrize("name", ["flax_optax", "equinox"])
def test_all_compute_the_same(reference, name):
    task, builders, expected = reference
    if obstacle(name):
        pytest.skip(f"{name} {obstacle(name)}")
    require_agreement(name, quick_evidence(builders[name], task), "ours", expected)
    assert expected.gradients.keys() == task.weights.keys()


def test_pytorch_computes_the_same(reference):
    pytest.importorskip("torch")
    task, builders, expected = reference
    require_agreement("torch_eager", torch_evidence(builders["torch_eager"], task), "ours", expected)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("layer1.0.bn1.weight", "layer1/0/bn1/scale"),  # PyTorch
        ("layer1/0/conv1/weight", "layer1/0/conv1/w"),  # equinox
        ("fc/kernel", "fc/w"),  # flax
        ("bn1/bias", "bn1/shift"),
        ("fc/bias", "fc/b"),
        ("layer2/0/skip/branch/bn2/shift", "layer2/0/bn2/shift"),  # ours
    ],
)
def test_every_framework_s_path_gives_the_name(path, name):
    assert name_of(path) == name


@pytest.mark.parametrize("shape", [(5, 3, 2, 4), (2, 4), (4,)])
def test_layouts_go_there_and_back(shape):
    leaf = np.arange(np.prod(shape)).reshape(shape)
    there = channels_first(leaf)
    assert there.shape[:2] == shape[:-3:-1]  # (out, in)
    assert np.array_equal(channels_last(there), leaf)


def test_an_example_near_a_kink_is_left_out():
    """Its first pixel makes the first feature of the first convolution zero in the corner."""
    task = lenet.make_task(2)
    x = np.array(task.batch[0])
    assert lenet._away_from_kinks(task.weights, x).all()
    w, b = task.weights["conv1/w"][..., 0], task.weights["conv1/b"][0]
    there = (w[2:, 2:, 0] * x[0, :3, :3, 0]).sum() + b  # the corner's window, the rest of which is padding
    x[0, 0, 0, 0] -= there / w[2, 2, 0]
    assert list(lenet._away_from_kinks(task.weights, x)) == [False, True]
