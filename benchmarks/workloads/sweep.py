"""Many MLPs at once, by `tuning.sweep`'s own step, against one after another.

A step is 16 updates of each of 64 MLPs, so models a second are 64 over its time, of trainings of 16 steps. All start
from the same weights with learning rates of their own; softmax cross-entropy, Adam, float32. `ours_one_by_one` is a
Python loop over models and steps that calls one compiled step, `ours_scanned` one over the models whose 16 steps are
one call. Gradients by name, with an axis of models: w1 (N, D, H), b1 (N, H), ...
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import JaxProgram, Task, Workload
from benchmarks.workloads import mlp

__all__ = ["WORKLOAD", "make_task"]

MODELS, STEPS = 64, 16


def make_task(widths: tuple[int, ...], batch: int, models: int = MODELS) -> Task:
    """The weights of `mlp`, and a batch for each step; the variant is the number of models."""
    task = mlp.make_task(widths, STEPS * batch)
    x, labels = task.batch
    return Task(task.weights, (x.reshape(STEPS, batch, -1), labels.reshape(STEPS, batch)), str(models))


def ours(task: Task) -> JaxProgram:
    from backprop_jax.tuning.runs import advance

    objective, optimizer, runs = _runs(task)

    def step(runs: Any, batches: Any) -> tuple[Any, Any]:
        runs, losses = advance(objective, optimizer, runs, batches)
        return runs, losses[-1].mean()

    return JaxProgram(step, _gradients(objective), runs)


def ours_one_by_one(task: Task) -> JaxProgram:
    from backprop_jax.train import make_step

    objective, optimizer, runs = _runs(task)
    step = make_step(objective, optimizer)

    def train(training: Any, batches: Any) -> tuple[Any, Any]:
        loss = None
        for batch in batches:
            training, loss = step(training, batch)
        return training, loss

    return _in_turn(objective, runs, train, step, lambda batches: list(zip(*map(list, batches), strict=True)))


def ours_scanned(task: Task) -> JaxProgram:
    import jax
    from jax import lax

    from backprop_jax.train import make_step

    objective, optimizer, runs = _runs(task)
    step = make_step(objective, optimizer)

    @partial(jax.jit, donate_argnums=0)
    def train(training: Any, batches: Any) -> tuple[Any, Any]:
        training, losses = lax.scan(step, training, batches)
        return training, losses[-1]

    return _in_turn(objective, runs, train, step, lambda batches: batches)


def _in_turn(objective: Any, runs: Any, train: Callable, step: Callable, prepared: Callable) -> JaxProgram:
    """`train` for each of the models, on batches that are prepared once for all; not jitted as a whole."""
    import jax
    import jax.numpy as jnp

    arrays = jax.tree.map(np.asarray, runs)  # of which a part is taken without compiling
    each = [jax.tree.map(lambda leaf, own=own: leaf[own], arrays) for own in range(len(jax.tree.leaves(arrays)[0]))]

    def all_of_them(runs: Any, batches: Any) -> tuple[Any, Any]:
        given = prepared(batches)
        trained, losses = zip(*(train(training, given) for training in runs), strict=True)
        return list(trained), jnp.stack(losses).mean()

    def gradients(runs: Any, batches: Any) -> tuple[Any, Any]:
        return _gradients(objective)(jax.tree.map(lambda *leaves: jnp.stack(leaves), *runs), batches)

    def peak_bytes(runs: Any, batches: Any) -> int:
        one = jax.jit(step).lower(runs[0], jax.tree.map(lambda leaf: leaf[0], batches)).compile().memory_analysis()
        temporary = 0 if one is None else one.temp_size_in_bytes
        return temporary + sum(leaf.nbytes for leaf in jax.tree.leaves((runs, batches)))

    return JaxProgram(all_of_them, gradients, each, peak_bytes)


def _runs(task: Task) -> tuple[Any, Any, Any]:
    """The objective, the optimizer and the trainings, each with a learning rate of its own."""
    import jax
    import jax.numpy as jnp

    import backprop_jax as bp
    from backprop_jax.tuning.runs import begin

    layers, params = [], []
    for w, b in mlp.layers_of(task):
        layers += [bp.Dense(b.size), bp.ReLU()]
        params += [{"w": w, "b": b}, ()]
    objective = bp.supervised(bp.chain(*layers[:-1]), bp.losses.CrossEntropy())
    optimizer, count = bp.optim.adam(1e-3), int(task.variant)
    trials = [{"learning_rate": rate} for rate in np.geomspace(1e-4, 1e-2, count).tolist()]
    first = jax.tree.map(lambda leaf: leaf[0], task.batch)
    runs = begin(objective, optimizer, trials, [0] * count, first)
    given = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), tuple(params[:-1]))
    return objective, optimizer, runs._replace(params=given)


def _gradients(objective: Any) -> Callable:
    """Of each model, on the first batch."""
    import jax
    from jax import lax

    import backprop_jax as bp

    def gradients(runs: Any, batches: Any) -> tuple[Any, Any]:
        batch = jax.tree.map(lambda leaf: leaf[0], batches)
        of_one = bp.value_and_grad(objective)
        (losses, _), gradient = lax.map(lambda run: of_one(run.params, run.state, batch), runs)
        return losses.mean(), mlp.named_leaves((entry["w"], entry["b"]) for entry in gradient[::2])

    return gradients


WORKLOAD = Workload(
    name="sweep",
    title=f"{MODELS} MLPs, {STEPS} steps each, Adam, float32",
    cases={
        f"{'-'.join(map(str, widths))}, batch {batch}": partial(make_task, widths, batch)
        for widths, batch in (((16, 16, 4), 16), ((64, 32, 10), 32), ((64, 128, 10), 32), ((784, 64, 10), 64))
    },
    builders={builder.__name__: builder for builder in (ours, ours_one_by_one, ours_scanned)},
    counts_arguments=True,
)
