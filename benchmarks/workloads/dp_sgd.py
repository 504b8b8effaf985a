"""Private training: the gradient of each example clipped, their sum with noise; the models of `mlp` and `gpt`.

Clip 1, noise multiplier 1, SGD, float32. Contestants are compared on the clipped gradient before the noise; the
learning rate of the steps is so small that the noise does not show in their losses. `ours_plain` is the step without
privacy; the gradient that it gives to the comparison is the private one.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.leaves import fill, named
from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload
from benchmarks.workloads import gpt, mlp

__all__ = ["WORKLOAD"]

CLIP, NOISE, LEARNING_RATE = 1.0, 1.0, 1e-8

# (params, batch, key, noise) -> (loss, gradient); without a key there is no noise
Gradient = Callable[..., tuple[Any, Any]]


def ours(task: Task) -> JaxProgram:
    return _program(task, _private, _private)


def ours_plain(task: Task) -> JaxProgram:
    return _program(task, _plain, _private)


def vmap_grad(task: Task) -> JaxProgram:
    return _program(task, _by_vmap, _by_vmap)


def _private(objective: Any, params: Any, state: Any, batch: Any, key: Any, noise: float) -> tuple[Any, Any]:
    import backprop_jax as bp

    private = bp.harvest.private_value_and_grad(objective, CLIP, noise)
    (loss, _), gradient = private(params, state, batch, key)
    return loss, gradient


def _plain(objective: Any, params: Any, state: Any, batch: Any, key: Any, noise: float) -> tuple[Any, Any]:
    import backprop_jax as bp

    (loss, _), gradient = bp.value_and_grad(objective)(params, state, batch)
    return loss, gradient


def _by_vmap(objective: Any, params: Any, state: Any, batch: Any, key: Any, noise: float) -> tuple[Any, Any]:
    import jax
    import jax.numpy as jnp

    def loss_of_one(params: Any, x: Any, label: Any) -> Any:
        return objective.forward(params, state, (x[None], label[None]))[0]

    losses, each = jax.vmap(jax.value_and_grad(loss_of_one), in_axes=(None, 0, 0))(params, *batch)
    leaves, structure = jax.tree.flatten(each)
    norms = jnp.sqrt(sum(jnp.sum(jnp.square(leaf).reshape(len(leaf), -1), 1) for leaf in leaves))
    factors = jnp.minimum(1, CLIP / norms)
    sums = [jnp.tensordot(factors, leaf, 1) for leaf in leaves]
    keys = jax.random.split(key, len(sums))
    if noise:
        pairs = zip(sums, keys, strict=True)
        sums = [total + CLIP * noise * jax.random.normal(own, total.shape) for total, own in pairs]
    return jnp.mean(losses), structure.unflatten([total / len(losses) for total in sums])


def _program(task: Task, training_gradient: Gradient, compared_gradient: Gradient) -> JaxProgram:
    import jax

    objective, params, state, named = _gpt(task) if "wpe/table" in task.weights else _mlp(task)

    def step(carry: Any, batch: Any) -> tuple[Any, Any]:
        params, key = carry
        key, own = jax.random.split(key)
        loss, gradient = training_gradient(objective, params, state, batch, own, NOISE)
        return (jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, gradient), key), loss

    def gradients(carry: Any, batch: Any) -> tuple[Any, Any]:
        loss, gradient = compared_gradient(objective, carry[0], state, batch, carry[1], 0.0)
        return loss, named(gradient)

    return JaxProgram(step, gradients, (params, jax.random.key(0)))


def _mlp(task: Task) -> tuple[Any, Any, Any, Callable]:
    """The objective, its parameters and state, and a function that names the leaves of a gradient."""
    import jax.numpy as jnp

    import backprop_jax as bp

    layers, params = [], []
    for w, b in mlp.layers_of(task):
        layers += [bp.Dense(b.size), bp.ReLU()]
        params += [{"w": jnp.asarray(w), "b": jnp.asarray(b)}, ()]
    objective = bp.supervised(bp.chain(*layers[:-1]), bp.losses.CrossEntropy())

    def named(gradient: Any) -> dict[str, Any]:
        return mlp.named_leaves((entry["w"], entry["b"]) for entry in gradient[::2])

    return objective, tuple(params[:-1]), ((),) * len(params[:-1]), named


def _gpt(task: Task) -> tuple[Any, Any, Any, Callable]:
    import jax

    objective = gpt.objective_of(task, "norms")
    params = jax.eval_shape(lambda: objective.init(jax.random.key(0), task.batch)[0])
    _, state = objective.init(jax.random.key(0), task.batch)
    return objective, fill(params, task.weights), state, named


def opacus(task: Task) -> TorchProgram:
    """Opacus's ghost clipping: two backward passes, the second one of the clipped losses."""
    import torch
    from opacus.grad_sample.grad_sample_module_fast_gradient_clipping import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    x, labels = (torch.from_numpy(array) for array in task.batch)
    labels = labels.long()
    model = GradSampleModuleFastGradientClipping(mlp.torch_model(task), max_grad_norm=CLIP, use_ghost_clipping=True)
    initial = [parameter.detach().clone() for parameter in model.parameters()]

    def optimizer_with(noise: float) -> Any:
        inner = torch.optim.SGD(model.parameters(), LEARNING_RATE)
        return DPOptimizerFastGradientClipping(
            inner, noise_multiplier=noise, max_grad_norm=CLIP, expected_batch_size=len(x), loss_reduction="mean"
        )

    optimizer = optimizer_with(NOISE)
    criterion = DPLossFastGradientClipping(model, optimizer, torch.nn.CrossEntropyLoss(reduction="mean"))

    def step() -> torch.Tensor:
        loss = criterion(model(x), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return torch.as_tensor(loss.item())

    def gradients() -> tuple[torch.Tensor, Any]:
        silent = optimizer_with(0.0)
        quiet = DPLossFastGradientClipping(model, silent, torch.nn.CrossEntropyLoss(reduction="mean"))
        loss = quiet(model(x), labels)
        loss.backward()
        silent.pre_step()
        found = [parameter.grad.detach().clone() for parameter in model.parameters()]
        silent.zero_grad()
        pairs = zip(found[::2], found[1::2], strict=True)
        return torch.as_tensor(loss.item()), mlp.named_leaves((weight.T, bias) for weight, bias in pairs)

    @torch.no_grad()
    def reset() -> None:
        for parameter, value in zip(model.parameters(), initial, strict=True):
            parameter.copy_(value)

    return TorchProgram(step, gradients, reset)


GPT = f"gpt, {gpt.SIZES[0]}"
WORKLOAD = Workload(
    name="dp_sgd",
    title="Private SGD, float32",
    cases={
        "mlp 784-1024-1024-10, batch 256": partial(mlp.make_task, mlp.WIDTHS, 256),
        GPT: partial(gpt.make_task, gpt.SIZES[0]),
    },
    builders={builder.__name__: builder for builder in (ours, ours_plain, vmap_grad, opacus)},
    # Eight gradients of all of GPT take gigabytes; Opacus has no rule for a table that is tied.
    absent={"vmap_grad": frozenset({GPT}), "opacus": frozenset({GPT})},
)
