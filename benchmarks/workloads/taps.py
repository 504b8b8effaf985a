"""Training with taps: what flows through each layer, forward and backward, told beside the gradient.

`ours` tells it of all layers at every step, `ours_tenth` at every tenth, `ours_plain` never. Otherwise the steps are
those of the workloads `mlp` and `gpt`: Adam, float32. The carry holds what is told, so that no part of it is dead code.
"""

from functools import partial
from typing import Any

from benchmarks.leaves import fill, named
from benchmarks.workload import JaxProgram, Task, Workload
from benchmarks.workloads import gpt, mlp

__all__ = ["WORKLOAD"]

LEARNING_RATE = 3e-4


def ours_plain(task: Task) -> JaxProgram:
    return _program(task, None)


def ours(task: Task) -> JaxProgram:
    return _program(task, 1)


def ours_tenth(task: Task) -> JaxProgram:
    return _program(task, 10)


def _program(task: Task, every: int | None) -> JaxProgram:
    import jax
    import jax.numpy as jnp

    import backprop_jax as bp

    objective, params = _of_mlp(task) if "w1" in task.weights else _of_gpt(task)
    params = jax.tree.map(jnp.asarray, params)
    _, state = jax.jit(objective.init)(jax.random.key(0), task.batch)
    optimizer = bp.optim.adam(LEARNING_RATE)
    plain = bp.value_and_grad(objective)
    tapped = None if every is None else bp.harvest.with_taps(objective, bp.harvest.Taps(every=every))

    def differentiated(params: Any, state: Any, batch: Any, number: Any) -> tuple[Any, Any, Any]:
        return (*plain(params, state, batch), ()) if tapped is None else tapped(params, state, batch, number)

    def step(carry: Any, batch: Any) -> tuple[Any, Any]:
        params, state, optimizer_state, number, _ = carry
        (loss, state), gradient, taps = differentiated(params, state, batch, number)
        updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
        return (bp.optim.apply_updates(params, updates), state, optimizer_state, number + 1, taps), loss

    def gradients(carry: Any, batch: Any) -> tuple[Any, Any]:
        params, state, _, number, _ = carry
        (loss, _), gradient, _ = differentiated(params, state, batch, number)
        if "w1" in task.weights:
            return loss, mlp.named_leaves((entry["w"], entry["b"]) for entry in gradient[::2])
        return loss, named(gradient)

    shapes = jax.eval_shape(differentiated, params, state, task.batch, 0)[2]
    taps = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return JaxProgram(step, gradients, (params, state, optimizer.init(params), jnp.zeros((), jnp.int32), taps))


def _of_mlp(task: Task) -> tuple[Any, Any]:
    import backprop_jax as bp

    layers, params = [], []
    for w, b in mlp.layers_of(task):
        layers += [bp.Dense(b.size), bp.ReLU()]
        params += [{"w": w, "b": b}, ()]
    return bp.supervised(bp.chain(*layers[:-1]), bp.losses.CrossEntropy()), tuple(params[:-1])


def _of_gpt(task: Task) -> tuple[Any, Any]:
    import jax

    from backprop_jax import losses, models

    vocabulary, width = task.weights["embedding/table"].shape
    steps, layers = len(task.weights["wpe/table"]), len(task.weights["h/attn/c_proj/b"])
    model = models.gpt(vocabulary, steps, width, layers, int(task.variant))
    objective = models.LanguageModelLoss(model, losses.LinearCrossEntropy(vocabulary))
    shapes = jax.eval_shape(lambda: objective.init(jax.random.key(0), task.batch)[0])
    return objective, fill(shapes, task.weights)


WORKLOAD = Workload(
    name="taps",
    title="Training with what flows through each layer told, Adam, float32",
    cases={f"MLP, batch {batch}": partial(mlp.make_task, mlp.WIDTHS, batch) for batch in (128, 1024)}
    | {f"GPT, {gpt.SIZES[0]}": partial(gpt.make_task, gpt.SIZES[0])},
    builders={builder.__name__: builder for builder in (ours, ours_plain, ours_tenth)},
)
