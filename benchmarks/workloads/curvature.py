"""Curvature of the MLP of the workload `mlp`: Kronecker factors and the diagonal of the Gauss-Newton matrix, float32.

A step harvests from one random sample of each example's label; the contestants are compared on the exact values, over
all labels. The carry holds what was harvested, so that no part of it is dead code. `ours_plain` is a plain gradient in
place of the harvest. Values by name: a1 (785, 785) with the bias's row last, g1 (1024, 1024), ...; or w1, b1, ...
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload
from benchmarks.workloads import mlp

__all__ = ["WORKLOAD", "make_task"]

KRONECKER, DIAGONAL = "Kronecker", "diagonal"

# (params, batch, key) -> (loss, values by name); without a key they are exact
Harvest = Callable[[Any, Any, Any], tuple[Any, Any]]


def make_task(kind: str, widths: tuple[int, ...], batch: int) -> Task:
    """The weights and the batch of `mlp`."""
    return mlp.make_task(widths, batch)._replace(variant=kind)


def ours(task: Task) -> JaxProgram:
    harvest = _ours(task)
    return _program(task, harvest, harvest)


def ours_plain(task: Task) -> JaxProgram:
    import backprop_jax as bp

    objective, state = _objective(task)

    def plain(params: Any, batch: Any, key: Any) -> tuple[Any, Any]:
        (loss, _), gradient = bp.value_and_grad(objective)(params, state, batch)
        return loss, mlp.named_leaves((entry["w"], entry["b"]) for entry in gradient[::2])

    return _program(task, plain, _ours(task))


def jax_grad(task: Task) -> JaxProgram:
    """By autodiff of what is added to each layer's output, as kfac-jax finds the cotangents behind a layer."""
    import jax
    import jax.numpy as jnp

    def harvest(params: Any, batch: Any, key: Any) -> tuple[Any, Any]:
        x, labels = batch
        layers = [(entry["w"], entry["b"]) for entry in params[::2]]

        def logits(added: Any) -> tuple[Any, Any]:
            inputs, z = [], x
            for (w, b), extra in zip(layers, added, strict=True):
                inputs.append(z if not inputs else jax.nn.relu(z))
                z = inputs[-1] @ w + b + extra
            return z, inputs

        zeros = [jnp.zeros((len(x), b.size)) for _, b in layers]
        z, pull, inputs = jax.vjp(logits, zeros, has_aux=True)
        scale, p = jnp.sqrt(1 / len(x)), jax.nn.softmax(z)
        if key is None:
            numbers = jnp.arange(z.shape[-1])
            weights = jnp.sqrt(p).T[..., None]
        else:
            numbers, weights = jax.random.categorical(key, z)[None], jnp.ones((1, 1, 1))
        one_hot = jax.nn.one_hot(numbers, z.shape[-1])
        columns = scale * weights * (p - (one_hot[:, None] if key is None else one_hot))
        cotangents = jax.vmap(lambda column: pull(column)[0])(columns)
        loss = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], 1))
        return loss, _by_hand(task.variant, inputs, cotangents)

    return _program(task, harvest, harvest)


def _by_hand(kind: str, inputs: Any, cotangents: Any) -> dict[str, Any]:
    import jax.numpy as jnp

    values = {}
    for number, (x, dys) in enumerate(zip(inputs, cotangents, strict=True), 1):
        if kind == KRONECKER:
            rows, dy = jnp.concatenate([x, jnp.ones((len(x), 1))], 1), dys.reshape(-1, dys.shape[-1])
            values |= {f"a{number}": rows.T @ rows / len(x), f"g{number}": dy.T @ dy}
        else:
            squares = jnp.sum(jnp.square(dys), 0)
            values |= {f"w{number}": jnp.square(x).T @ squares, f"b{number}": jnp.sum(squares, 0)}
    return values


def _objective(task: Task) -> tuple[Any, Any]:
    import backprop_jax as bp

    layers = [part for _, b in mlp.layers_of(task) for part in (bp.Dense(b.size), bp.ReLU())]
    return bp.supervised(bp.chain(*layers[:-1]), bp.losses.CrossEntropy()), ((),) * (len(layers) - 1)


def _ours(task: Task) -> Harvest:
    from backprop_jax import harvest

    objective, state = _objective(task)
    maker = harvest.kronecker_factors if task.variant == KRONECKER else harvest.curvature_diagonal

    def run(params: Any, batch: Any, key: Any) -> tuple[Any, Any]:
        (loss, _), found = maker(objective, "exact" if key is None else "sampled")(params, state, batch, key)
        if task.variant == DIAGONAL:
            return loss, mlp.named_leaves((entry["w"], entry["b"]) for entry in found[::2])
        return loss, {f"{name}{i}": factor for i, block in enumerate(found, 1) for name, factor in _factors(block)}

    return run


def _factors(block: Any) -> tuple[tuple[str, Any], ...]:
    return ("a", block.a), ("g", block.g)


def _program(task: Task, timed: Harvest, compared: Harvest) -> JaxProgram:
    import jax
    import jax.numpy as jnp

    params = []
    for w, b in mlp.layers_of(task):
        params += [{"w": jnp.asarray(w), "b": jnp.asarray(b)}, ()]
    params = tuple(params[:-1])
    key = jax.random.key(0)

    def step(carry: Any, batch: Any) -> tuple[Any, Any]:
        params, key, _ = carry
        key, own = jax.random.split(key)
        loss, harvested = timed(params, batch, own)
        return (params, key, harvested), loss

    def gradients(carry: Any, batch: Any) -> tuple[Any, Any]:
        return compared(carry[0], batch, None)

    shapes = jax.eval_shape(timed, params, task.batch, key)[1]
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return JaxProgram(step, gradients, (params, key, zeros))


def backpack(task: Task) -> TorchProgram:
    """BackPACK's KFAC and DiagGGNMC with one sample; compared on KFLR and DiagGGNExact."""
    import torch
    from backpack import backpack, extend, extensions

    x, labels = (torch.from_numpy(array) for array in task.batch)
    labels = labels.long()
    model: Any = extend(mlp.torch_model(task))
    criterion = extend(torch.nn.CrossEntropyLoss())
    linear: list[Any] = [module for module in model if isinstance(module, torch.nn.Linear)]
    is_kronecker = task.variant == KRONECKER
    sampled = extensions.KFAC(mc_samples=1) if is_kronecker else extensions.DiagGGNMC(mc_samples=1)
    exact = extensions.KFLR() if is_kronecker else extensions.DiagGGNExact()

    def run(extension: Any) -> torch.Tensor:
        model.zero_grad()
        loss = criterion(model(x), labels)
        with backpack(extension):
            loss.backward()
        return loss.detach()

    def gradients() -> tuple[torch.Tensor, Any]:
        loss = run(exact)
        if not is_kronecker:
            pairs = [(own.weight.diag_ggn_exact.T, own.bias.diag_ggn_exact) for own in linear]
            return loss, mlp.named_leaves(pairs)
        values, inputs = {}, x
        for number, own in enumerate(linear, 1):
            g, a = own.weight.kflr
            sums = inputs.mean(0)[:, None]  # its factors are those without a bias, for which it has others
            values |= {f"a{number}": torch.cat([torch.cat([a, sums], 1), torch.cat([sums.T, torch.ones(1, 1)], 1)])}
            values |= {f"g{number}": g}
            inputs = torch.relu(own(inputs)).detach()
        return loss, values

    return TorchProgram(lambda: run(sampled), gradients, lambda: None)


WORKLOAD = Workload(
    name="curvature",
    title="Curvature, MLP 784-1024-1024-10, float32",
    cases={
        f"{kind}, batch {batch}": partial(make_task, kind, mlp.WIDTHS, batch)
        for kind in (KRONECKER, DIAGONAL)
        for batch in (256, 1024)
    },
    builders={builder.__name__: builder for builder in (ours, ours_plain, jax_grad, backpack)},
)
