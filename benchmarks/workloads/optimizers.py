"""Optimizer steps alone: a few large leaves, bound by memory, and many small ones, bound by their number.

Gradients are given. A step updates the state and applies the updates; the "loss" is one number of the new parameters.
Weights by name: p0, p1, ...; the gradients are the batch, in the same order.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WORKLOAD", "make_task"]

SHAPES = {"8 x 1M": (8, (1024, 1024)), "400 x 2,500": (400, (50, 50))}

# from a namespace with optax's names, ours or optax's own, to the optimizer
RECIPES: Mapping[str, Callable[[Any], Any]] = {
    "adamw": lambda lib: lib.adamw(1e-3),
    "clip + adamw + schedule": lambda lib: lib.chain(
        lib.clip_by_global_norm(1.0), lib.adamw(lib.warmup_cosine_decay_schedule(1e-4, 1e-3, 100, 10_000))
    ),
    "sgd + momentum": lambda lib: lib.sgd(1e-3, momentum=0.9),
    "lion": lambda lib: lib.lion(1e-4),
    "adafactor": lambda lib: lib.adafactor(1e-3),
    "muon": lambda lib: lib.muon(1e-3),
}
LEAF_BY_LEAF = ("adafactor", "muon")  # what they do depends on a leaf's shape, so `flat` refuses them
IN_TORCH = ("adamw", "sgd + momentum")


def make_task(recipe: str, leaves: int, shape: tuple[int, ...]) -> Task:
    """Normal weights and gradients."""
    random = np.random.default_rng(0)
    weights = {f"p{number}": random.standard_normal(shape).astype(np.float32) for number in range(leaves)}
    gradients = tuple(random.standard_normal(shape).astype(np.float32) for _ in weights)
    return Task(weights, gradients, recipe)


def ours(task: Task) -> JaxProgram:
    from backprop_jax import optim

    return _program(task, RECIPES[task.variant](optim), optim.apply_updates, lambda tree: tree, lambda tree: tree)


def ours_flat(task: Task) -> JaxProgram:
    from backprop_jax import optim

    optimizer = optim.flat(RECIPES[task.variant](optim))
    return _program(task, optimizer, optim.apply_updates, optimizer.pack, lambda packed: packed.tree())


def optax(task: Task) -> JaxProgram:
    import types

    import optax as library
    import optax.contrib

    both = types.SimpleNamespace(**(vars(library.contrib) | vars(library)))
    return _program(task, RECIPES[task.variant](both), library.apply_updates, lambda tree: tree, lambda tree: tree)


def _program(task: Task, optimizer: Any, apply_updates: Callable, pack: Callable, unpack: Callable) -> JaxProgram:
    """The gradients are in the carry, which a step hands on: packed, they are so from the start."""
    import jax
    import jax.numpy as jnp

    params = pack(jax.tree.map(jnp.asarray, task.weights))
    gradients = pack(dict(zip(task.weights, map(jnp.asarray, task.batch), strict=True)))

    def step(carry, batch):
        params, state, gradients = carry
        updates, state = optimizer.update(gradients, state, params)
        params = apply_updates(params, updates)
        return (params, state, gradients), jax.tree.leaves(params)[0].ravel()[0]

    def updates(carry, batch):
        params, state, gradients = carry
        updates, _ = optimizer.update(gradients, state, params)
        return jax.tree.leaves(params)[0].ravel()[0], unpack(updates)

    return JaxProgram(step, updates, (params, optimizer.init(params), gradients))


def torch_foreach(task: Task) -> TorchProgram:
    return _torch(task, foreach=True)


def torch_fused(task: Task) -> TorchProgram:
    return _torch(task, fused=True)


def _torch(task: Task, **how: bool) -> TorchProgram:
    import torch

    initial = [torch.tensor(weight) for weight in task.weights.values()]
    params = [torch.nn.Parameter(weight.clone()) for weight in initial]
    for param, gradient in zip(params, task.batch, strict=True):
        param.grad = torch.tensor(gradient)
    if task.variant == "adamw":
        optimizer: Any = torch.optim.AdamW(params, 1e-3, weight_decay=1e-4, **how)
    else:
        optimizer = torch.optim.SGD(params, 1e-3, momentum=0.9, **how)

    def step() -> torch.Tensor:
        optimizer.step()
        return params[0].detach().ravel()[0]

    def updates() -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        first = params[0].detach().ravel()[0].clone()
        optimizer.step()
        changes = [param.detach() - start for param, start in zip(params, initial, strict=True)]
        reset()
        return first, dict(zip(task.weights, changes, strict=True))

    @torch.no_grad()
    def reset() -> None:
        for param, value in zip(params, initial, strict=True):
            param.copy_(value)
        for state in optimizer.state.values():  # in place: zero is where moments, momenta and step counts start
            for value in state.values():
                if isinstance(value, torch.Tensor):
                    value.zero_()

    return TorchProgram(step, updates, reset)


def _cases(recipes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(f"{recipe}, {size}" for recipe in recipes for size in SHAPES)


WORKLOAD = Workload(
    name="optimizers",
    title="Optimizer steps",
    cases={
        f"{recipe}, {size}": partial(make_task, recipe, *shapes)
        for recipe in RECIPES
        for size, shapes in SHAPES.items()
    },
    builders={
        "ours": ours,
        "ours_flat": ours_flat,
        "optax": optax,
        "torch_foreach": torch_foreach,
        "torch_fused": torch_fused,
    },
    absent={
        "ours_flat": _cases(LEAF_BY_LEAF),
        "torch_foreach": _cases(tuple(RECIPES)) - _cases(IN_TORCH),
        "torch_fused": _cases(tuple(RECIPES)) - _cases(IN_TORCH),
    },
)
