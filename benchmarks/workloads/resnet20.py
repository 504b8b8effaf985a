"""ResNet-20 for images of 32x32: 3x3 convolutions, batch norm and ReLU; shortcuts without parameters (option A).

Softmax cross-entropy, SGD with momentum, float32, batch 128. Names of weights: see `benchmarks/leaves.py`.
"""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.image_training import builders
from benchmarks.workload import Builder, Task, Workload

__all__ = ["WORKLOAD", "contestants", "make_task"]

WIDTHS = (16, 32, 64)
CLASSES = 10
EPSILON = 1e-5
NORM_MOMENTUM = 0.9  # of the running statistics, in flax's and our sense; PyTorch's is 0.1

# Of millions of ReLU inputs a few are within rounding of zero, where two correct programs disagree on the derivative.
# Batch norm couples all examples of a batch, so none can be left out. In float32 PyTorch's two memory formats are up
# to 1e-3 and 6e-3 from float64; with softplus for ReLU, 1e-5. A net of the size of a test has no such input: there the
# usual tolerance holds.
KINK_TOLERANCE = 2e-2


def make_task(depth: int, batch: int, size: int) -> Task:
    """He-normal weights, scales near 1 and shifts near 0, normal images, random labels."""
    random = np.random.default_rng(0)
    weights = {}

    def convolution_and_norm(prefix: str, number: int, inputs: int, outputs: int) -> None:
        deviation = np.sqrt(2 / (9 * outputs))
        weights[f"{prefix}conv{number}/w"] = deviation * random.standard_normal((3, 3, inputs, outputs))
        weights[f"{prefix}bn{number}/scale"] = 1 + 0.1 * random.standard_normal(outputs)
        weights[f"{prefix}bn{number}/shift"] = 0.1 * random.standard_normal(outputs)

    convolution_and_norm("", 1, 3, WIDTHS[0])
    inputs = WIDTHS[0]
    for stage, width in enumerate(WIDTHS, start=1):
        for block in range(_blocks(depth)):
            convolution_and_norm(f"layer{stage}/{block}/", 1, inputs, width)
            convolution_and_norm(f"layer{stage}/{block}/", 2, width, width)
            inputs = width
    weights["fc/w"] = random.standard_normal((inputs, CLASSES)) / np.sqrt(inputs)
    weights["fc/b"] = 0.1 * random.standard_normal(CLASSES)
    x = random.standard_normal((batch, size, size, 3)).astype(np.float32)
    labels = random.integers(0, CLASSES, batch).astype(np.int32)
    return Task({name: leaf.astype(np.float32) for name, leaf in weights.items()}, (x, labels))


def _blocks(depth: int) -> int:
    return (depth - 2) // 6


def our_model(depth: int) -> Any:
    from backprop_jax import models

    return models.cifar_resnet(depth, CLASSES)


def flax_model(depth: int) -> Any:
    import jax.numpy as jnp
    from flax import linen

    def norm(name):
        return linen.BatchNorm(use_running_average=False, momentum=NORM_MOMENTUM, epsilon=EPSILON, name=name)

    def convolution(width, stride, name):
        return linen.Conv(width, (3, 3), stride, padding=1, use_bias=False, name=name)

    class Block(linen.Module):
        width: int
        stride: int

        @linen.compact
        def __call__(self, x):
            y = linen.relu(norm("bn1")(convolution(self.width, self.stride, "conv1")(x)))
            y = norm("bn2")(convolution(self.width, 1, "conv2")(y))
            if self.stride > 1:
                x = x[:, :: self.stride, :: self.stride]
                x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, self.width - x.shape[-1])))
            return linen.relu(x + y)

    class Stage(linen.Module):
        width: int
        stride: int

        @linen.compact
        def __call__(self, x):
            for block in range(_blocks(depth)):
                x = Block(self.width, self.stride if block == 0 else 1, name=str(block))(x)
            return x

    class ResNet(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.relu(norm("bn1")(convolution(WIDTHS[0], 1, "conv1")(x)))
            for stage, width in enumerate(WIDTHS, start=1):
                x = Stage(width, 1 if stage == 1 else 2, name=f"layer{stage}")(x)
            return linen.Dense(CLASSES, name="fc")(x.mean((1, 2)))

    return ResNet()


def equinox_model(depth: int, key: Any) -> Any:
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    def norm(width):
        return eqx.nn.BatchNorm(width, axis_name="batch", eps=EPSILON, momentum=NORM_MOMENTUM, mode="batch")

    def convolution(inputs, width, stride):
        return eqx.nn.Conv2d(inputs, width, 3, stride, padding=1, use_bias=False, key=key)

    class Block(eqx.Module):
        conv1: eqx.nn.Conv2d
        bn1: eqx.nn.BatchNorm
        conv2: eqx.nn.Conv2d
        bn2: eqx.nn.BatchNorm
        width: int = eqx.field(static=True)
        stride: int = eqx.field(static=True)

        def __init__(self, inputs, width, stride):
            self.conv1, self.bn1 = convolution(inputs, width, stride), norm(width)
            self.conv2, self.bn2 = convolution(width, width, 1), norm(width)
            self.width, self.stride = width, stride

        def __call__(self, x, state):
            y, state = self.bn1(self.conv1(x), state)
            y, state = self.bn2(self.conv2(jax.nn.relu(y)), state)
            if self.stride > 1:
                x = x[:, :: self.stride, :: self.stride]
                x = jnp.pad(x, ((0, self.width - len(x)), (0, 0), (0, 0)))
            return jax.nn.relu(x + y), state

    def stage(inputs, width, stride):
        rest = [Block(width, width, 1) for _ in range(_blocks(depth) - 1)]
        return [Block(inputs, width, stride), *rest]

    class ResNet(eqx.Module):
        conv1: eqx.nn.Conv2d
        bn1: eqx.nn.BatchNorm
        layer1: list
        layer2: list
        layer3: list
        fc: eqx.nn.Linear

        def __init__(self):
            first, second, third = WIDTHS
            self.conv1, self.bn1 = convolution(3, first, 1), norm(first)
            self.layer1, self.layer2 = stage(first, first, 1), stage(first, second, 2)
            self.layer3 = stage(second, third, 2)
            self.fc = eqx.nn.Linear(third, CLASSES, key=key)

        def __call__(self, x, state):
            x, state = self.bn1(self.conv1(x), state)
            x = jax.nn.relu(x)
            for block in (*self.layer1, *self.layer2, *self.layer3):
                x, state = block(x, state)
            return self.fc(x.mean((1, 2))), state

    return ResNet()


def torch_model(depth: int) -> Any:
    from torch import nn
    from torch.nn.functional import pad, relu

    def norm(width):
        return nn.BatchNorm2d(width, EPSILON, 1 - NORM_MOMENTUM)

    def convolution(inputs, width, stride):
        return nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)

    class Block(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            self.conv1, self.bn1 = convolution(inputs, width, stride), norm(width)
            self.conv2, self.bn2 = convolution(width, width, 1), norm(width)
            self.stride, self.added = stride, width - inputs

        def forward(self, x):
            y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
            if self.stride > 1:
                x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
            return relu(x + y)

    def stage(inputs, width, stride):
        rest = [Block(width, width, 1) for _ in range(_blocks(depth) - 1)]
        return nn.Sequential(Block(inputs, width, stride), *rest)

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            first, second, third = WIDTHS
            self.conv1, self.bn1 = convolution(3, first, 1), norm(first)
            self.layer1, self.layer2 = stage(first, first, 1), stage(first, second, 2)
            self.layer3 = stage(second, third, 2)
            self.fc = nn.Linear(third, CLASSES)

        def forward(self, x):
            x = relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.fc(x.mean((2, 3)))

    return ResNet()


def contestants(depth: int) -> dict[str, Builder]:
    """The builders of a network of this depth."""
    models = (partial(model, depth) for model in (our_model, flax_model, equinox_model, torch_model))
    return builders(*models, memory_format="channels_last")


WORKLOAD = Workload(
    name="resnet20",
    title="ResNet-20, 32x32x3, SGD with momentum, float32",
    cases={"batch 128": partial(make_task, 20, 128, 32)},
    builders=contestants(20),
    gradient_tolerance=KINK_TOLERANCE,
)
