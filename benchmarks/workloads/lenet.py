"""LeNet: small convolutions, pools and dense layers, where what surrounds the products weighs as much as they do.

Softmax cross-entropy, SGD with momentum, float32, batch 128 of 28x28x1. Names of weights: see `benchmarks/leaves.py`.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.image_training import builders
from benchmarks.workload import Task, Workload

__all__ = ["WORKLOAD", "make_task"]

SHAPES = {
    "conv1": (5, 5, 1, 6),
    "conv2": (5, 5, 6, 16),
    "fc1": (400, 120),
    "fc2": (120, 84),
    "fc3": (84, 10),
}
SIZE = 28

# Where a ReLU's input is within rounding of zero, or two inputs of a max-pool of each other, two correct programs may
# disagree on the derivative. Such examples are left out.
KINK = 1e-5


def make_task(batch: int) -> Task:
    """He-normal weights, normal images, random labels."""
    random = np.random.default_rng(0)
    weights = {}
    for module, shape in SHAPES.items():
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        weights[f"{module}/w"] = (scale * random.standard_normal(shape)).astype(np.float32)
        weights[f"{module}/b"] = (0.1 * random.standard_normal(shape[-1])).astype(np.float32)
    candidates = random.standard_normal((2 * batch + 4, SIZE, SIZE, 1)).astype(np.float32)
    x = candidates[_away_from_kinks(weights, candidates)][:batch]
    return Task(weights, (x, random.integers(0, 10, batch).astype(np.int32)))


def _away_from_kinks(weights: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    away, hidden = np.ones(len(x), bool), np.pad(x.astype(np.float64), ((0, 0), (2, 2), (2, 2), (0, 0)))
    for module in ("conv1", "conv2"):
        windows = sliding_window_view(hidden, (5, 5), axis=(1, 2))
        before = np.einsum("bhwcij,ijcf->bhwf", windows, weights[f"{module}/w"], optimize=True) + weights[f"{module}/b"]
        after = np.maximum(before, 0)
        batch, height, width, features = after.shape
        pooled = after.reshape(batch, height // 2, 2, width // 2, 2, features).swapaxes(2, 3)
        ordered = np.sort(pooled.reshape(batch, -1, 4, features), axis=2)
        tied = (ordered[:, :, 3] - ordered[:, :, 2] < KINK) & (ordered[:, :, 3] > 0)  # at zero the ReLU stops both
        away &= (np.abs(before).min(axis=(1, 2, 3)) > KINK) & ~tied.any(axis=(1, 2))
        hidden = ordered[:, :, 3].reshape(batch, height // 2, width // 2, features)
    hidden = hidden.reshape(len(x), -1)
    for module in ("fc1", "fc2"):
        before = hidden @ weights[f"{module}/w"] + weights[f"{module}/b"]
        away &= np.abs(before).min(axis=1) > KINK
        hidden = np.maximum(before, 0)
    return away


def our_model() -> Any:
    from backprop_jax import models

    return models.lenet()


def flax_model() -> Any:
    from flax import linen

    class LeNet(linen.Module):
        @linen.compact
        def __call__(self, x):
            for name, features, padding in (("conv1", 6, "SAME"), ("conv2", 16, "VALID")):
                x = linen.relu(linen.Conv(features, (5, 5), padding=padding, name=name)(x))
                x = linen.max_pool(x, (2, 2), (2, 2))
            x = x.reshape(len(x), -1)
            x = linen.relu(linen.Dense(120, name="fc1")(x))
            x = linen.relu(linen.Dense(84, name="fc2")(x))
            return linen.Dense(10, name="fc3")(x)

    return LeNet()


def equinox_model(key: Any) -> Any:
    import equinox as eqx
    import jax

    class LeNet(eqx.Module):
        conv1: eqx.nn.Conv2d
        conv2: eqx.nn.Conv2d
        fc1: eqx.nn.Linear
        fc2: eqx.nn.Linear
        fc3: eqx.nn.Linear

        def __init__(self, key):
            keys = jax.random.split(key, 5)
            self.conv1 = eqx.nn.Conv2d(1, 6, 5, padding=2, key=keys[0])
            self.conv2 = eqx.nn.Conv2d(6, 16, 5, key=keys[1])
            self.fc1 = eqx.nn.Linear(400, 120, key=keys[2])
            self.fc2 = eqx.nn.Linear(120, 84, key=keys[3])
            self.fc3 = eqx.nn.Linear(84, 10, key=keys[4])

        def __call__(self, x, state):
            pool = eqx.nn.MaxPool2d(2, 2)
            x = pool(jax.nn.relu(self.conv1(x)))
            x = pool(jax.nn.relu(self.conv2(x)))
            x = jax.nn.relu(self.fc1(x.transpose(1, 2, 0).ravel()))  # in the order of our weights
            x = jax.nn.relu(self.fc2(x))
            return self.fc3(x), state

    return LeNet(key)


def torch_model() -> Any:
    from torch import nn
    from torch.nn.functional import max_pool2d, relu

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(400, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x):
            x = max_pool2d(relu(self.conv1(x)), 2)
            x = max_pool2d(relu(self.conv2(x)), 2)
            x = relu(self.fc1(x.permute(0, 2, 3, 1).flatten(1)))  # in the order of our weights
            x = relu(self.fc2(x))
            return self.fc3(x)

    return LeNet()


WORKLOAD = Workload(
    name="lenet",
    title="LeNet, 28x28x1, SGD with momentum, float32",
    cases={"batch 128": partial(make_task, 128)},
    builders=builders(our_model, flax_model, equinox_model, torch_model, memory_format="contiguous_format"),
)
