"""How long Python takes to trace and lower a deep model: 32 blocks of x + gelu(dense(norm(x))), unrolled.

The figure of interest is `trace_lower_s`, of the loss and its gradient without an optimizer; `median_ms` is the time of
the compiled function. flax_optax is flax alone.
Weights by name: "<block>/scale", "<block>/shift", "<block>/w", "<block>/b".
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.workload import JaxProgram, Task, Workload

__all__ = ["WORKLOAD", "make_task"]

DEPTH, WIDTH, BATCH = 32, 64, 32
LEAVES = ("scale", "shift", "w", "b")


def make_task(depth: int, width: int, batch: int) -> Task:
    """Random weights, normal inputs; the output is taken for logits of random labels."""
    random = np.random.default_rng(0)
    weights = {}
    for block in range(depth):
        weights[f"{block}/scale"] = 1 + 0.1 * random.standard_normal(width)
        weights[f"{block}/shift"] = 0.1 * random.standard_normal(width)
        weights[f"{block}/w"] = random.standard_normal((width, width)) / np.sqrt(width)
        weights[f"{block}/b"] = 0.1 * random.standard_normal(width)
    x = random.standard_normal((batch, width)).astype(np.float32)
    labels = random.integers(0, width, batch).astype(np.int32)
    return Task({name: leaf.astype(np.float32) for name, leaf in weights.items()}, (x, labels))


def _blocks(task: Task) -> list[tuple[np.ndarray, ...]]:
    depth = len(task.weights) // len(LEAVES)
    return [tuple(task.weights[f"{block}/{leaf}"] for leaf in LEAVES) for block in range(depth)]


def ours(task: Task) -> JaxProgram:
    import backprop_jax as bp

    return _with_our_forward(task, bp.value_and_grad)


def jax_grad(task: Task) -> JaxProgram:
    from backprop_jax.train.step_time import autodiff_value_and_grad

    return _with_our_forward(task, autodiff_value_and_grad)


def _with_our_forward(task: Task, differentiate: Callable) -> JaxProgram:
    import backprop_jax as bp
    from benchmarks.jax_training import differentiation

    blocks = _blocks(task)
    model = bp.chain(*(bp.skip(bp.chain(bp.LayerNorm(), bp.Dense(b.size), bp.GELU())) for *_, b in blocks))
    objective = bp.supervised(model, bp.losses.CrossEntropy())
    params = tuple(({"scale": scale, "shift": shift}, {"w": w, "b": b}, ()) for scale, shift, w, b in blocks)

    def named(gradient):
        return {
            f"{block}/{leaf}": part[leaf]
            for block, (norm, dense, _) in enumerate(gradient)
            for part, leaf in zip((norm, norm, dense, dense), LEAVES, strict=True)
        }

    return differentiation(differentiate(objective), params, named, state=(((), (), ()),) * len(blocks))


def flax_optax(task: Task) -> JaxProgram:
    import optax
    from flax import linen

    from benchmarks.jax_training import differentiation, stateless

    blocks = _blocks(task)

    class Skips(linen.Module):
        @linen.compact
        def __call__(self, x):
            for *_, b in blocks:
                x = x + linen.gelu(linen.Dense(b.size)(linen.LayerNorm()(x)))
            return x

    def loss(params, batch):
        x, labels = batch
        return optax.softmax_cross_entropy_with_integer_labels(Skips().apply(params, x), labels).mean()

    params = {}
    for block, (scale, shift, w, b) in enumerate(blocks):
        params[f"LayerNorm_{block}"] = {"scale": scale, "bias": shift}
        params[f"Dense_{block}"] = {"kernel": w, "bias": b}

    def named(gradient):
        leaves = {}
        for block in range(len(blocks)):
            norm, dense = gradient["params"][f"LayerNorm_{block}"], gradient["params"][f"Dense_{block}"]
            parts = (norm["scale"], norm["bias"], dense["kernel"], dense["bias"])
            leaves |= {f"{block}/{leaf}": part for leaf, part in zip(LEAVES, parts, strict=True)}
        return leaves

    return differentiation(stateless(loss), {"params": params}, named)


WORKLOAD = Workload(
    name="tracing",
    title="Loss and gradient of 32 unrolled blocks x + gelu(dense(norm(x))), width 64",
    cases={f"{DEPTH} blocks": partial(make_task, DEPTH, WIDTH, BATCH)},
    builders={builder.__name__: builder for builder in (ours, jax_grad, flax_optax)},
)
