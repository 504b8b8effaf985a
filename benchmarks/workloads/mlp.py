"""A multilayer perceptron: large matmuls and an optimizer over 1.9 million parameters.

Softmax cross-entropy, Adam with optax's defaults at a learning rate of 1e-3, float32.
Weights by name: w1 (784, 1024), b1 (1024,), w2, b2, w3, b3; each layer is x w + b.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WIDTHS", "WORKLOAD", "layers_of", "make_task", "named_leaves", "torch_model"]

WIDTHS = (784, 1024, 1024, 10)
LEARNING_RATE = 1e-3

# Where a ReLU's input is within rounding of zero, two correct programs may disagree on its derivative, and then their
# gradients differ by what the example contributes there. Such examples are left out.
KINK = 1e-5


def make_task(widths: tuple[int, ...], batch: int) -> Task:
    """He-normal weights, normal inputs, random labels."""
    random = np.random.default_rng(0)
    weights = {}
    for layer, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        scale = np.sqrt(2 / inputs)
        weights[f"w{layer}"] = (scale * random.standard_normal((inputs, outputs))).astype(np.float32)
        weights[f"b{layer}"] = (0.1 * random.standard_normal(outputs)).astype(np.float32)
    candidates = random.standard_normal((batch + batch // 4 + 4, widths[0])).astype(np.float32)
    x = candidates[_away_from_kinks(weights, candidates)][:batch]
    return Task(weights, (x, random.integers(0, widths[-1], batch).astype(np.int32)))


def _away_from_kinks(weights: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    away, hidden = np.ones(len(x), bool), x.astype(np.float64)
    for layer in range(1, len(weights) // 2):
        before = hidden @ weights[f"w{layer}"] + weights[f"b{layer}"]
        away &= np.abs(before).min(axis=1) > KINK
        hidden = np.maximum(before, 0)
    return away


def layers_of(task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(task.weights[f"w{layer}"], task.weights[f"b{layer}"]) for layer in range(1, len(task.weights) // 2 + 1)]


def named_leaves(layers: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    return {f"{kind}{number}": leaf for number, (w, b) in enumerate(layers, 1) for kind, leaf in (("w", w), ("b", b))}


def ours(task: Task) -> JaxProgram:
    import backprop_jax as bp

    return _with_our_forward(task, bp.value_and_grad)


def jax_grad(task: Task) -> JaxProgram:
    from backprop_jax.train.step_time import autodiff_value_and_grad

    return _with_our_forward(task, autodiff_value_and_grad)


def _with_our_forward(task: Task, differentiate: Callable) -> JaxProgram:
    import backprop_jax as bp
    from benchmarks.jax_training import training

    layers, params = [], []
    for w, b in layers_of(task):
        layers += [bp.Dense(b.size), bp.ReLU()]
        params += [{"w": w, "b": b}, ()]
    model = bp.chain(*layers[:-1])  # no ReLU after the last one
    objective = bp.supervised(model, bp.losses.CrossEntropy())

    def named(gradient):
        return named_leaves((entry["w"], entry["b"]) for entry in gradient[::2])

    return training(
        differentiate(objective),
        bp.optim.adam(LEARNING_RATE),
        bp.optim.apply_updates,
        params=tuple(params[:-1]),
        state=((),) * len(params[:-1]),
        named=named,
    )


def flax_optax(task: Task) -> JaxProgram:
    return _flax(task, lambda loss: loss)


def flax_optax_remat(task: Task) -> JaxProgram:
    import jax

    # The fastest of the policies here: it keeps the matmuls' outputs and recomputes what is elementwise.
    return _flax(task, partial(jax.checkpoint, policy=jax.checkpoint_policies.dots_saveable))


def _flax(task: Task, checkpoint: Callable) -> JaxProgram:
    import optax
    from flax import linen

    from benchmarks.jax_training import stateless, training

    layers = layers_of(task)

    class MLP(linen.Module):
        @linen.compact
        def __call__(self, x):
            for _, b in layers[:-1]:
                x = linen.relu(linen.Dense(b.size)(x))
            return linen.Dense(layers[-1][1].size)(x)

    @checkpoint
    def loss(params, batch):
        x, labels = batch
        return optax.softmax_cross_entropy_with_integer_labels(MLP().apply(params, x), labels).mean()

    def named(gradient):
        dense = [gradient["params"][f"Dense_{index}"] for index in range(len(layers))]
        return named_leaves((entry["kernel"], entry["bias"]) for entry in dense)

    params = {"params": {f"Dense_{index}": {"kernel": w, "bias": b} for index, (w, b) in enumerate(layers)}}
    return training(stateless(loss), optax.adam(LEARNING_RATE), optax.apply_updates, params, named)


def equinox(task: Task) -> JaxProgram:
    import equinox as eqx
    import jax
    import optax

    from benchmarks.jax_training import stateless, training

    layers = layers_of(task)
    (inputs, width), outputs = layers[0][0].shape, layers[-1][1].size
    model = eqx.nn.MLP(inputs, outputs, width, depth=len(layers) - 1, key=jax.random.key(0))

    def leaves(model):
        return [leaf for layer in model.layers for leaf in (layer.weight, layer.bias)]

    model = eqx.tree_at(leaves, model, [leaf for w, b in layers for leaf in (w.T, b)])
    params, static = eqx.partition(model, eqx.is_array)

    def loss(params, batch):
        x, labels = batch
        logits = jax.vmap(eqx.combine(params, static))(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def named(gradient):
        return named_leaves((layer.weight.T, layer.bias) for layer in gradient.layers)

    return training(stateless(loss), optax.adam(LEARNING_RATE), optax.apply_updates, params, named)


def torch_eager(task: Task) -> TorchProgram:
    return _torch(task, compiled=False)


def torch_compile(task: Task) -> TorchProgram:
    return _torch(task, compiled=True)


def torch_model(task: Task) -> Any:
    """The module with the Task's weights."""
    import torch

    layers = layers_of(task)
    modules: list[torch.nn.Module] = []
    for w, _ in layers:
        modules += [torch.nn.Linear(*w.shape), torch.nn.ReLU()]
    model = torch.nn.Sequential(*modules[:-1])
    with torch.no_grad():
        for parameter, (_, leaf) in zip(model.parameters(), named_leaves(layers).items(), strict=True):
            parameter.copy_(torch.from_numpy(leaf.T))
    return model


def _torch(task: Task, compiled: bool) -> TorchProgram:
    import torch

    from benchmarks.torch_training import training

    model = torch_model(task)
    x, labels = (torch.from_numpy(array) for array in task.batch)
    labels = labels.long()

    def loss():
        return torch.nn.functional.cross_entropy(model(x), labels)

    def named(gradient):
        return named_leaves((weight.T, bias) for weight, bias in zip(gradient[::2], gradient[1::2], strict=True))

    # The fastest of PyTorch's three forms of Adam on CPU: with foreach or the plain loop a step takes longer.
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=True)
    return training(model, torch.compile(loss, dynamic=False) if compiled else loss, optimizer, named, compiled)


WORKLOAD = Workload(
    name="mlp",
    title="MLP 784-1024-1024-10, Adam, float32",
    cases={f"batch {batch}": partial(make_task, WIDTHS, batch) for batch in (128, 1024)},
    builders={
        builder.__name__: builder
        for builder in (ours, jax_grad, flax_optax, flax_optax_remat, equinox, torch_eager, torch_compile)
    },
)
