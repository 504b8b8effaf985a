"""The loss of a language model's last projection: its mean, and the gradients of the inputs and of the table.

Weights by name: table (V, D); the batch is hidden (N, D) and target (N,). A step's results are in the carry, so that no
part of them is dead code.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WORKLOAD", "Shape", "make_task"]

CHUNKS = 8  # of the tokens, under jax.checkpoint


class Shape(NamedTuple):
    tokens: int
    classes: int
    width: int

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens, {self.classes:,} classes, {self.width} wide"


SHAPES = Shape(1024, 32768, 768), Shape(1024, 50257, 768), Shape(2048, 8192, 256)


def make_task(shape: Shape) -> Task:
    """Inputs as a norm leaves them, a table as GPT-2 draws it."""
    random, (tokens, classes, width) = np.random.default_rng(0), shape
    table = (0.02 * random.standard_normal((classes, width))).astype(np.float32)
    hidden = random.standard_normal((tokens, width)).astype(np.float32)
    return Task({"table": table}, (hidden, random.integers(0, classes, tokens, np.int32)))


def ours(task: Task) -> JaxProgram:
    import backprop_jax as bp

    loss = bp.losses.LinearCrossEntropy(len(task.weights["table"]))

    def compute(weights, hidden, target):
        y, _, residuals = loss.forward(weights, (), (hidden, target))
        dparams, (dhidden, _) = loss.backward(weights, residuals, y * 0 + 1)
        return y, {"hidden": dhidden, **dparams}

    return _program(task, compute)


def jax_grad(task: Task) -> JaxProgram:
    """With all logits."""
    return _differentiated(task, lambda weights, hidden, target: _terms(weights, hidden, target).mean())


def jax_checkpoint(task: Task) -> JaxProgram:
    import jax

    def loss(weights, hidden, target):
        def add(total, chunk):
            return total + jax.checkpoint(_terms)(weights, *chunk).sum(), None

        chunks = hidden.reshape(CHUNKS, -1, hidden.shape[-1]), target.reshape(CHUNKS, -1)
        return jax.lax.scan(add, 0.0, chunks)[0] / len(hidden)

    return _differentiated(task, loss)


def _terms(weights: Any, hidden: Any, target: Any) -> Any:
    import jax
    import jax.numpy as jnp

    logits = hidden @ weights["table"].T
    return jax.nn.logsumexp(logits, -1) - jnp.take_along_axis(logits, target[:, None], -1)[:, 0]


def _differentiated(task: Task, loss: Callable[[Any, Any, Any], Any]) -> JaxProgram:
    import jax

    def compute(weights, hidden, target):
        y, (dweights, dhidden) = jax.value_and_grad(loss, (0, 1))(weights, hidden, target)
        return y, {"hidden": dhidden, **dweights}

    return _program(task, compute)


def _program(task: Task, compute: Callable[[Any, Any, Any], tuple[Any, Mapping[str, Any]]]) -> JaxProgram:
    import jax
    import jax.numpy as jnp

    def step(carry, batch):
        weights, _ = carry
        y, results = compute(weights, *batch)
        return (weights, results), y

    def gradients(carry, batch):
        return compute(carry[0], *batch)

    weights = {name: jnp.asarray(leaf) for name, leaf in task.weights.items()}
    like = jax.eval_shape(compute, weights, *task.batch)[1]
    return JaxProgram(step, gradients, (weights, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)))


def torch_program(compiled: bool, task: Task) -> TorchProgram:
    import torch

    table, hidden = (torch.from_numpy(part.copy()).requires_grad_() for part in (task.weights["table"], task.batch[0]))
    target = torch.from_numpy(task.batch[1]).long()

    def all_logits() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, table), target)

    loss = torch.compile(all_logits, dynamic=False) if compiled else all_logits

    def gradients() -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        y = loss()
        dtable, dhidden = torch.autograd.grad(y, (table, hidden))
        return y.detach(), {"hidden": dhidden, "table": dtable}

    return TorchProgram(lambda: gradients()[0], gradients, reset=lambda: None, compiled=compiled)


WORKLOAD = Workload(
    name="linear_cross_entropy",
    title="Projection and cross-entropy, forward and both gradients, float32",
    cases={str(shape): partial(make_task, shape) for shape in SHAPES},
    # The logits, and the gradients of hidden and table.
    flops={str(shape): 3 * 2 * shape.tokens * shape.classes * shape.width for shape in SHAPES},
    builders={
        "ours": ours,
        "jax_grad": jax_grad,
        "jax_checkpoint": jax_checkpoint,
        "torch_eager": partial(torch_program, False),
        "torch_compile": partial(torch_program, True),
    },
)
