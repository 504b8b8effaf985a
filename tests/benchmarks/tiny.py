"""The MLP workload at a size that takes no time. In a module of its own, for the worker process imports it too."""

from functools import partial

from benchmarks.workload import Workload
from benchmarks.workloads import mlp

TINY = Workload(
    name="tiny",
    title="MLP 5-7-7-3",
    cases={f"batch {batch}": partial(mlp.make_task, (5, 7, 7, 3), batch) for batch in (4, 6)},
    builders={name: mlp.WORKLOAD.builders[name] for name in ("ours", "jax_grad", "flax_optax", "equinox")},
)
