"""Training steps of an image classifier, given the model in each framework: softmax cross-entropy, SGD with momentum.

The modules of all models have the same names (see `leaves`), so that the weights of a Task find their places. The batch
is images (B, H, W, C) and labels. A statistic that batch norm keeps is part of the state and not compared: flax and
equinox average the biased variance, PyTorch and ours the unbiased one.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.leaves import channels_first, channels_last, fill, name_of, named
from benchmarks.workload import Builder, JaxProgram, Task, TorchProgram

__all__ = ["builders"]

LEARNING_RATE, MOMENTUM = 0.02, 0.9

MakeModel = Callable[[], Any]  # a module's function, for builders are pickled


def builders(
    ours: MakeModel, flax: MakeModel, equinox: Callable[[Any], Any], torch: MakeModel, memory_format: str
) -> dict[str, Builder]:
    """One builder a contestant, from makers of a Layer, a flax.linen module, an equinox module and a torch module.

    The equinox one is made from a key and is `(image (C, H, W), state) -> (logits, state)`. `memory_format` is
    PyTorch's faster one: "channels_last" or "contiguous_format".
    """
    return {
        "ours": partial(_ours, ours),
        "jax_grad": partial(_jax_grad, ours),
        "flax_optax": partial(_flax, flax),
        "flax_optax_remat": partial(_flax_remat, flax),
        "equinox": partial(_equinox, equinox),
        "torch_eager": partial(_torch_eager, torch, memory_format),
        "torch_compile": partial(_torch_compile, torch, memory_format),
    }


def _ours(make_model: MakeModel, task: Task) -> JaxProgram:
    import backprop_jax as bp

    return _with_our_forward(make_model, bp.value_and_grad, task)


def _jax_grad(make_model: MakeModel, task: Task) -> JaxProgram:
    from backprop_jax.train.step_time import autodiff_value_and_grad

    return _with_our_forward(make_model, autodiff_value_and_grad, task)


def _with_our_forward(make_model: MakeModel, differentiate: Callable, task: Task) -> JaxProgram:
    import jax

    import backprop_jax as bp
    from benchmarks.jax_training import training

    objective = bp.supervised(make_model(), bp.losses.CrossEntropy())
    params, state = _started(lambda: objective.init(jax.random.key(0), task.batch))
    return training(
        differentiate(objective),
        bp.optim.sgd(LEARNING_RATE, momentum=MOMENTUM),
        bp.optim.apply_updates,
        fill(params, task.weights),
        named,
        state,
    )


def _started(init: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """The shapes of the parameters, and the state: random weights that nobody uses would take seconds to compile."""
    import jax

    return jax.eval_shape(init)[0], jax.jit(lambda: init()[1])()


def _flax(make_model: MakeModel, task: Task, policy: Callable[..., bool] | None = None) -> JaxProgram:
    import jax
    import optax

    from benchmarks.jax_training import training

    model = make_model()

    def init():
        state = model.init(jax.random.key(0), task.batch[0])
        return state.pop("params"), state

    params, state = _started(init)

    def loss(params, state, batch):
        x, labels = batch
        logits, state = model.apply({"params": params} | state, x, mutable=list(state))
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), state

    if policy is not None:
        loss = jax.checkpoint(loss, policy=policy)
    value_and_grad = jax.value_and_grad(loss, has_aux=True)
    return training(
        value_and_grad,
        optax.sgd(LEARNING_RATE, MOMENTUM),
        optax.apply_updates,
        fill(params, task.weights),
        named,
        state,
    )


def _flax_remat(make_model: MakeModel, task: Task) -> JaxProgram:
    return _flax(make_model, task, _is_product)


def _is_product(primitive: Any, *_: Any, **__: Any) -> bool:
    """Keep what convolutions and matmuls give, recompute norms, ReLUs and pools.

    It recomputes least of the policies; on ResNet-20, those of `jax.checkpoint_policies` took no less beyond noise.
    """
    from jax import lax

    return primitive in (lax.conv_general_dilated_p, lax.dot_general_p)


def _equinox(make_model: Callable[[Any], Any], task: Task) -> JaxProgram:
    import equinox as eqx
    import jax
    import optax

    from benchmarks.jax_training import training

    make = eqx.nn.make_with_state(make_model)
    model, _ = eqx.filter_eval_shape(make, jax.random.key(0))
    _, state = _started(lambda: ((), make(jax.random.key(0))[1]))
    params, static = eqx.partition(model, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    params = fill(params, task.weights, channels_first)

    def loss(params, state, batch):
        x, labels = batch
        one = eqx.combine(params, static)
        apply = jax.vmap(one, in_axes=(0, None), out_axes=(0, None), axis_name="batch")
        logits, state = apply(x.transpose(0, 3, 1, 2), state)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), state

    return training(
        jax.value_and_grad(loss, has_aux=True),
        optax.sgd(LEARNING_RATE, MOMENTUM),
        optax.apply_updates,
        params,
        partial(named, layout=channels_last),
        state,
    )


def _torch_eager(make_model: MakeModel, memory_format: str, task: Task) -> TorchProgram:
    return _torch(make_model, memory_format, task, compiled=False)


def _torch_compile(make_model: MakeModel, memory_format: str, task: Task) -> TorchProgram:
    return _torch(make_model, memory_format, task, compiled=True)


def _torch(make_model: MakeModel, memory_format: str, task: Task, compiled: bool) -> TorchProgram:
    import torch

    from benchmarks.torch_training import training

    in_memory = getattr(torch, memory_format)
    model = make_model().to(memory_format=in_memory)
    names = [name_of(path) for path, _ in model.named_parameters()]
    with torch.no_grad():
        for name, parameter in zip(names, model.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(channels_first(task.weights[name])))
    images, labels = (torch.from_numpy(array) for array in task.batch)
    x = images.permute(0, 3, 1, 2).contiguous(memory_format=in_memory)
    labels = labels.long()

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(model(x), labels)

    def by_name(gradient: list[torch.Tensor]) -> Mapping[str, torch.Tensor]:
        leaves = (torch.from_numpy(channels_last(leaf.numpy())) for leaf in gradient)
        return dict(zip(names, leaves, strict=True))

    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM, fused=True)
    return training(model, torch.compile(loss, dynamic=False) if compiled else loss, optimizer, by_name, compiled)
