"""Each layer updated in its backward, against the step of the whole under one jit: residual MLPs of two depths.

Blocks of layer norm, dense to twice the width, GELU, dense; AdamW, float32. Memory is the most that a step holds, what
it is given included; the compile time of the fused step is that of its first step. "Clipped" is by the global norm,
which the whole step needs its whole gradient for and the fused one takes from the step before; no step reaches the
limit, so that both compute the same.
"""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.leaves import fill, named
from benchmarks.workload import JaxProgram, Task, Workload

__all__ = ["WORKLOAD", "make_task"]

LEARNING_RATE, MAX_NORM = 1e-3, 1e6


def make_task(depth: int, width: int, batch: int, variant: str = "") -> Task:
    """Random weights, inputs and labels of ten classes; the variant is "clipped" or empty."""
    random = np.random.default_rng(0)
    weights = {}
    for number in range(depth):
        name = f"stack/{number}"
        for layer, (rows, columns) in {"up": (width, 2 * width), "down": (2 * width, width)}.items():
            weights[f"{name}/{layer}/w"] = random.standard_normal((rows, columns)) / np.sqrt(rows * depth)
            weights[f"{name}/{layer}/b"] = np.zeros(columns)
        weights[f"{name}/norm/scale"], weights[f"{name}/norm/shift"] = np.ones(width), np.zeros(width)
    weights["head/w"], weights["head/b"] = random.standard_normal((width, 10)) / np.sqrt(width), np.zeros(10)
    x, labels = random.standard_normal((batch, width)), random.integers(0, 10, batch)
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    return Task(weights, (x.astype(np.float32), labels.astype(np.int32)), variant)


def _objective(task: Task) -> Any:
    import backprop_jax as bp

    width = len(task.weights["stack/0/norm/scale"])
    up, down = bp.Dense(2 * width), bp.Dense(width)
    block = bp.skip(bp.chain(norm=bp.LayerNorm(), up=up, act=bp.GELU(), down=down))
    depth = sum(name.endswith("norm/scale") for name in task.weights)
    model = bp.chain(stack=bp.chain(*[block] * depth), head=bp.Dense(10))
    return bp.supervised(model, bp.losses.CrossEntropy())


def _begin(objective: Any, task: Task) -> tuple[Any, Any]:
    import jax

    params = jax.eval_shape(lambda: objective.init(jax.random.key(0), task.batch)[0])
    return fill(params, task.weights), objective.init(jax.random.key(0), task.batch)[1]


def ours(task: Task) -> JaxProgram:
    import backprop_jax as bp

    objective = _objective(task)
    params, state = _begin(objective, task)
    clip = bp.harvest.PreviousNorm(MAX_NORM) if task.variant else None
    step = bp.harvest.fused_update(objective, bp.optim.adamw(LEARNING_RATE), clip)

    def gradients(carry: Any, batch: Any) -> tuple[Any, Any]:
        (loss, _), gradient = bp.value_and_grad(objective)(*step.finish(carry), batch)
        return loss, named(gradient)

    return JaxProgram(step, gradients, step.start(params, state), step.peak_bytes)


def ours_plain(task: Task) -> JaxProgram:
    import backprop_jax as bp
    from benchmarks.jax_training import training

    objective = _objective(task)
    params, state = _begin(objective, task)
    optimizer = bp.optim.adamw(LEARNING_RATE)
    if task.variant:
        optimizer = bp.optim.chain(bp.optim.clip_by_global_norm(MAX_NORM), optimizer)
    return training(bp.value_and_grad(objective), optimizer, bp.optim.apply_updates, params, named, state)


WORKLOAD = Workload(
    name="fused_update",
    title="Residual MLP, AdamW in the backward, float32",
    cases={
        f"{depth} blocks, 512 wide, batch 128{', ' * bool(variant)}{variant}": partial(
            make_task, depth, 512, 128, variant
        )
        for depth in (12, 96)
        for variant in ("", "clipped")
    },
    builders={"ours": ours, "ours_plain": ours_plain},
    counts_arguments=True,
)
