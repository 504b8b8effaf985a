"""Convolutions alone: the weight gradient over a sweep of shapes, and forward and a layer's whole step over a few.

float32, channels last, batch 32, padding kernel // 2, no bias. jax_grad is `jax.vjp` of `lax.conv_general_dilated`. A
step's results are in the carry, so that no part of them is dead code; the "loss" is one number of them.
Weights by name: w (K, K, C / groups, F); the batch is x (B, H, W, C) and dy (B, H', W', F).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WORKLOAD", "Shape", "make_task"]

BATCH = 32


class Shape(NamedTuple):
    """What is convolved: square images and kernels."""

    kernel: int
    stride: int
    inputs: int
    outputs: int
    size: int
    groups: int = 1

    def __str__(self) -> str:
        channels = f"{self.inputs}-{self.outputs}" if self.groups == 1 else f"{self.inputs} depthwise"
        return f"{self.kernel}x{self.kernel} stride {self.stride}, {channels} at {self.size}x{self.size}"


SHAPES = (
    Shape(1, 1, 64, 64, 16),
    Shape(1, 1, 256, 256, 8),
    Shape(1, 2, 64, 128, 16),
    Shape(3, 1, 16, 16, 32),  # ResNet-20: this and the next four
    Shape(3, 2, 16, 32, 32),
    Shape(3, 1, 32, 32, 16),
    Shape(3, 2, 32, 64, 16),
    Shape(3, 1, 64, 64, 8),
    Shape(3, 1, 64, 64, 32),  # the design's reference
    Shape(3, 1, 128, 128, 16),
    Shape(3, 2, 128, 256, 16),
    Shape(3, 1, 256, 256, 8),
    Shape(5, 1, 32, 32, 16),
    Shape(5, 2, 32, 64, 32),
    Shape(7, 1, 16, 16, 16),
    Shape(7, 2, 3, 64, 64),  # the stem of a ResNet for ImageNet
    Shape(3, 1, 64, 64, 16, groups=64),
    Shape(3, 2, 128, 128, 16, groups=128),
    Shape(5, 1, 128, 128, 8, groups=128),
    Shape(7, 1, 64, 64, 16, groups=64),
)
FEW = tuple(SHAPES[index] for index in (0, 3, 4, 8, 12, 16))  # for forward and step, which take no sweep


def make_task(shape: Shape, what: str, batch: int = BATCH) -> Task:
    """Normal inputs, weights and cotangents. Their mean is not zero, so that no sum is all rounding."""
    random = np.random.default_rng(0)
    kernel, stride, inputs, outputs, size, groups = shape
    places = (size - 1) // stride + 1

    def normal(*axes: int) -> np.ndarray:
        return (random.standard_normal(axes) + 0.5).astype(np.float32)

    w = normal(kernel, kernel, inputs // groups, outputs)
    return Task({"w": w}, (normal(batch, size, size, inputs), normal(batch, places, places, outputs)), what)


def _shape(task: Task) -> Shape:
    w, (x, dy) = task.weights["w"], task.batch
    size = x.shape[1]
    return Shape(len(w), -(-size // dy.shape[1]), x.shape[-1], w.shape[-1], size, x.shape[-1] // w.shape[2])


def ours(task: Task) -> JaxProgram:
    import backprop_jax as bp

    kernel, stride, _, outputs, _, groups = _shape(task)
    padding = kernel // 2
    layer = bp.Conv(outputs, (kernel, kernel), stride, padding=padding, feature_group_count=groups, use_bias=False)

    def compute(w, x, dy):
        y, _, residuals = layer.forward({"w": w}, (), x)
        dparams, dx = layer.backward({"w": w}, residuals, dy)
        return {"y": y, "w": dparams["w"], "x": dx}

    return _program(task, compute)


def jax_grad(task: Task) -> JaxProgram:
    import jax

    kernel, stride, *_, groups = _shape(task)

    def convolve(w, x):
        return jax.lax.conv_general_dilated(
            x,
            w,
            (stride, stride),
            [(kernel // 2, kernel // 2)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    def compute(w, x, dy):
        y, pull = jax.vjp(convolve, w, x)
        dw, dx = pull(dy)
        return {"y": y, "w": dw, "x": dx}

    return _program(task, compute)


RESULTS: Mapping[str, tuple[str, ...]] = {
    "forward": ("y",),
    "weight gradient": ("w",),
    "step": ("y", "w", "x"),
}


def _program(task: Task, compute: Callable[[Any, Any, Any], Mapping[str, Any]]) -> JaxProgram:
    """Of what `compute` gives, XLA drops what the task does not ask for, and all that only it needs."""
    import jax
    import jax.numpy as jnp

    def results(w, batch):
        everything = compute(w, *batch)
        return {name: everything[name] for name in RESULTS[task.variant]}

    def step(carry, batch):
        w, _ = carry
        new = results(w, batch)
        return (w, new), next(iter(new.values())).ravel()[0]

    def gradients(carry, batch):
        (_, new), first = step(carry, batch)
        return first, new

    w = jnp.asarray(task.weights["w"])
    like = jax.eval_shape(results, w, task.batch)
    return JaxProgram(step, gradients, (w, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)))


def torch_eager(task: Task) -> TorchProgram:
    """In the faster of PyTorch's two memory formats."""
    import time

    import torch

    def seconds(program: TorchProgram) -> float:
        program.step()
        start = time.perf_counter()
        for _ in range(3):
            program.step()
        return time.perf_counter() - start

    programs = [_torch(task, memory_format) for memory_format in (torch.channels_last, torch.contiguous_format)]
    return min(programs, key=seconds)


def _torch(task: Task, memory_format: Any) -> TorchProgram:
    import torch

    kernel, stride, *_, groups = _shape(task)

    def channels_first(array: np.ndarray, *axes: int) -> torch.Tensor:
        return torch.from_numpy(array).permute(*axes).contiguous(memory_format=memory_format)

    w = channels_first(task.weights["w"], 3, 2, 0, 1).requires_grad_()
    x, dy = (channels_first(array, 0, 3, 1, 2) for array in task.batch)

    def convolve() -> torch.Tensor:
        return torch.nn.functional.conv2d(x, w, stride=stride, padding=kernel // 2, groups=groups)

    once = convolve()  # for the weight gradient alone, the forward pass is done once and its graph kept
    x.requires_grad_()

    def results() -> dict[str, torch.Tensor]:
        match task.variant:
            case "forward":
                with torch.no_grad():
                    return {"y": convolve()}
            case "weight gradient":
                return {"w": torch.autograd.grad(once, w, dy, retain_graph=True)[0]}
            case _:
                y = convolve()
                dw, dx = torch.autograd.grad(y, (w, x), dy)
                return {"y": y.detach(), "w": dw, "x": dx}

    def step() -> torch.Tensor:
        return _first(results())

    def gradients() -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        new = results()
        first = _first(new)
        return first, {
            name: leaf.permute(*((2, 3, 1, 0) if name == "w" else (0, 2, 3, 1))) for name, leaf in new.items()
        }

    return TorchProgram(step, gradients, reset=lambda: None)


def _first(results: Mapping[str, Any]) -> Any:
    """The element 0 in all axes: the same whatever the order of the axes and of the memory."""
    leaf = next(iter(results.values()))
    return leaf[(0,) * leaf.ndim]


def _cases(what: str, shapes: tuple[Shape, ...]) -> dict[str, Callable[[], Task]]:
    return {f"{what}, {shape}": partial(make_task, shape, what) for shape in shapes}


CASES = {what: _cases(what, shapes) for what, shapes in (("weight gradient", SHAPES), ("forward", FEW), ("step", FEW))}

WORKLOAD = Workload(
    name="conv",
    title="Convolutions, batch 32, float32",
    cases={case: make for cases in CASES.values() for case, make in cases.items()},
    builders={builder.__name__: builder for builder in (ours, jax_grad, torch_eager)},
    means={what: tuple(cases) for what, cases in CASES.items()},
)
