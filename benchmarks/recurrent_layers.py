"""A recurrent layer alone: forward, and the gradients of its input and weights from a given cotangent of its output.

Gates are in PyTorch's order, i f g o and r z n. Weights by name: w (D, G H), u (H, G H), b (G H,) and, for the GRU,
c (H,) beside the recurrent product of n; the batch is x (B, T, D) and dy (B, T, H). A step's results are in the carry,
so that no part of them is dead code; the "loss" is one number of them.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["Shape", "make_task", "recurrent_workload"]

GATES = {"lstm": "ifgo", "gru": "rzn"}


class Shape(NamedTuple):
    """Of a batch; the input is as wide as the layer."""

    batch: int
    steps: int
    features: int

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.steps} steps, {self.features} wide"


SHAPES = Shape(32, 128, 256), Shape(8, 512, 64), Shape(64, 32, 1024)


def make_task(kind: str, shape: Shape) -> Task:
    """Weights as PyTorch draws them, normal inputs and cotangents."""
    random, (batch, steps, features) = np.random.default_rng(0), shape
    columns, bound = len(GATES[kind]) * features, features**-0.5
    shapes = {"w": (features, columns), "u": (features, columns), "b": (columns,)}
    if kind == "gru":
        shapes["c"] = (features,)
    weights = {name: random.uniform(-bound, bound, axes).astype(np.float32) for name, axes in shapes.items()}
    x, dy = (random.standard_normal((batch, steps, features)).astype(np.float32) for _ in range(2))
    return Task(weights, (x, dy), kind)


def ours(task: Task) -> JaxProgram:
    import backprop_jax as bp

    features = task.weights["u"].shape[0]
    layer = bp.recurrent(bp.LSTMCell(features) if task.variant == "lstm" else bp.GRUCell(features))

    def compute(weights, x, dy):
        y, _, residuals = layer.forward(weights, (), x)
        dparams, dx = layer.backward(weights, residuals, dy)
        return {"y": y, "x": dx, **dparams}

    return _program(task, compute)


def jax_grad(task: Task) -> JaxProgram:
    """A scan whose product with x is taken out of it by hand, as one would write it."""
    import jax
    import jax.numpy as jnp

    def lstm(weights, carry, z):
        h, c = carry
        i, f, g, o = jnp.split(z + h @ weights["u"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    def gru(weights, carry, z):
        (h,) = carry
        (z_r, z_z, z_n), (h_r, h_z, h_n) = jnp.split(z, 3, -1), jnp.split(h @ weights["u"], 3, -1)
        r, update = jax.nn.sigmoid(z_r + h_r), jax.nn.sigmoid(z_z + h_z)
        n = jnp.tanh(z_n + r * (h_n + weights["c"]))
        h = (1 - update) * n + update * h
        return (h,), h

    step, carries = (lstm, 2) if task.variant == "lstm" else (gru, 1)

    def layer(weights, x):
        start = (jnp.zeros((len(x), weights["u"].shape[0])),) * carries
        z = jnp.swapaxes(x, 0, 1) @ weights["w"] + weights["b"]
        return jnp.swapaxes(jax.lax.scan(partial(step, weights), start, z)[1], 0, 1)

    return _differentiated(task, layer)


def flax_optax(task: Task) -> JaxProgram:
    """flax's own layer."""
    import flax.linen as nn
    import jax.numpy as jnp

    features, gates = task.weights["u"].shape[0], GATES[task.variant]
    cell = nn.OptimizedLSTMCell(features) if task.variant == "lstm" else nn.GRUCell(features)
    rnn = nn.RNN(cell)

    def layer(weights, x):
        w, u, b = (jnp.split(weights[name], len(gates), -1) for name in "wub")
        cell_params = {}
        for gate, w_gate, u_gate, b_gate in zip(gates, w, u, b, strict=True):
            # The bias stands beside the recurrent product of the LSTM and beside the input's of the GRU.
            cell_params[f"i{gate}"] = {"kernel": w_gate} | ({} if task.variant == "lstm" else {"bias": b_gate})
            cell_params[f"h{gate}"] = {"kernel": u_gate} | ({"bias": b_gate} if task.variant == "lstm" else {})
        if task.variant == "gru":
            cell_params["hn"]["bias"] = weights["c"]
        return rnn.apply({"params": {"cell": cell_params}}, x)

    return _differentiated(task, layer)


def _differentiated(task: Task, layer: Callable[[Any, Any], Any]) -> JaxProgram:
    import jax

    def compute(weights, x, dy):
        y, pull = jax.vjp(layer, weights, x)
        dweights, dx = pull(dy)
        return {"y": y, "x": dx, **dweights}

    return _program(task, compute)


def _program(task: Task, compute: Callable[[Any, Any, Any], Mapping[str, Any]]) -> JaxProgram:
    import jax
    import jax.numpy as jnp

    def step(carry, batch):
        weights, _ = carry
        results = compute(weights, *batch)
        return (weights, results), results["y"].ravel()[0]

    def gradients(carry, batch):
        (_, results), first = step(carry, batch)
        return first, results

    weights = {name: jnp.asarray(leaf) for name, leaf in task.weights.items()}
    like = jax.eval_shape(compute, weights, *task.batch)
    return JaxProgram(step, gradients, (weights, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)))


def torch_eager(task: Task) -> TorchProgram:
    import torch

    weights, features = task.weights, task.weights["u"].shape[0]
    module = (torch.nn.LSTM if task.variant == "lstm" else torch.nn.GRU)(features, features, batch_first=True)
    recurrent_bias = np.zeros_like(weights["b"])
    if task.variant == "gru":
        recurrent_bias[-features:] = weights["c"]
    arrays = weights["w"].T, weights["u"].T, weights["b"], recurrent_bias
    leaves = (module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0)
    with torch.no_grad():
        for leaf, array in zip(leaves, arrays, strict=True):
            leaf.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    x, dy = map(torch.from_numpy, task.batch)
    x.requires_grad_()

    def results() -> dict[str, torch.Tensor]:
        y, _ = module(x)
        dw, du, db, dc, dx = torch.autograd.grad(y, (*leaves, x), dy)
        found = {"y": y.detach(), "x": dx, "w": dw.T, "u": du.T, "b": db}
        return found | ({"c": dc[-features:]} if task.variant == "gru" else {})

    def gradients() -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        found = results()
        return found["y"].ravel()[0], found

    return TorchProgram(lambda: results()["y"].ravel()[0], gradients, reset=lambda: None)


def recurrent_workload(kind: str) -> Workload:
    """The workload of `lstm` or `gru`."""
    return Workload(
        name=kind,
        title=f"{kind.upper()} layer, forward and all gradients, float32",
        cases={str(shape): partial(make_task, kind, shape) for shape in SHAPES},
        builders={builder.__name__: builder for builder in (ours, jax_grad, flax_optax, torch_eager)},
    )
