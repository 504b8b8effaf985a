"""Causal attention alone, by length: forward, and the gradients of queries, keys and values from a given cotangent.

8 heads of width 64, batch 1. A step's results are in the carry, so that no part of them is dead code; the "loss" is one
number of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WORKLOAD", "make_task"]

LENGTHS = 512, 1024, 2048, 4096, 8192
HEADS, WIDTH = 8, 64


def make_task(length: int, heads: int = HEADS, width: int = WIDTH) -> Task:
    """Normal queries, keys and values, and a normal cotangent of the output."""
    random = np.random.default_rng(0)
    q, k, v, dy = (random.standard_normal((1, length, heads, width)).astype(np.float32) for _ in range(4))
    return Task({"q": q, "k": k, "v": v}, (dy,))


def ours(task: Task) -> JaxProgram:
    import backprop_jax as bp

    layer = bp.DotProductAttention(causal=True)

    def compute(weights, dy):
        y, _, residuals = layer.forward((), (), (weights["q"], weights["k"], weights["v"]))
        _, (dq, dk, dv) = layer.backward((), residuals, dy)
        return {"y": y, "q": dq, "k": dk, "v": dv}

    return _program(task, compute)


def jax_grad(task: Task) -> JaxProgram:
    """Of the softmax of all scores at once, as `jax.nn.dot_product_attention` calculates on a CPU."""
    import jax

    def compute(weights, dy):
        def attention(weights):
            return jax.nn.dot_product_attention(weights["q"], weights["k"], weights["v"], is_causal=True)

        y, pull = jax.vjp(attention, weights)
        return {"y": y, **pull(dy)[0]}

    return _program(task, compute)


def _program(task: Task, compute: Callable[[Any, Any], dict[str, Any]]) -> JaxProgram:
    import jax
    import jax.numpy as jnp

    def step(carry, batch):
        weights, _ = carry
        results = compute(weights, *batch)
        return (weights, results), results["y"].ravel()[0]

    def gradients(carry, batch):
        (_, results), first = step(carry, batch)
        return first, results

    weights = jax.tree.map(jnp.asarray, task.weights)
    like = jax.eval_shape(compute, weights, *task.batch)
    return JaxProgram(step, gradients, (weights, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)))


def torch_eager(task: Task) -> TorchProgram:
    import torch

    leaves = [torch.from_numpy(task.weights[name].copy()).requires_grad_() for name in "qkv"]
    dy = torch.from_numpy(task.batch[0])

    def results() -> dict[str, torch.Tensor]:
        heads = (leaf.transpose(1, 2) for leaf in leaves)
        y = torch.nn.functional.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2)
        return {"y": y.detach(), **dict(zip("qkv", torch.autograd.grad(y, leaves, dy), strict=True))}

    def gradients() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        found = results()
        return found["y"].ravel()[0], found

    return TorchProgram(lambda: results()["y"].ravel()[0], gradients, reset=lambda: None)


WORKLOAD = Workload(
    name="attention",
    title="causal attention, forward and all gradients, 8 heads of 64, float32",
    cases={f"{length:,} steps": partial(make_task, length) for length in LENGTHS},
    lengths={f"{length:,} steps": length for length in LENGTHS},
    builders={"ours": ours, "jax_grad": jax_grad, "torch_eager": torch_eager},
)
