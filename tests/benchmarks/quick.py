"""What JAX contestants compute in one step: no time is taken, no training done."""

import jax
import numpy as np

from benchmarks.bench import Evidence
from benchmarks.workload import Builder, Task


def quick_evidence(builder: Builder, task: Task) -> Evidence:
    program = builder(task)
    gradients_of = jax.jit(program.gradients, compiler_options={"xla_backend_optimization_level": 0})
    loss, gradients = gradients_of(program.carry, task.batch)
    return Evidence(float(loss), {name: np.asarray(leaf) for name, leaf in gradients.items()}, [float(loss)])


def torch_evidence(builder: Builder, task: Task) -> Evidence:
    loss, gradients = builder(task).gradients()
    return Evidence(loss.item(), {name: leaf.numpy() for name, leaf in gradients.items()}, [loss.item()])
