"""The optimizer's step inside the backward pass, one compiled program a kind of layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators.chain import Chain
from backprop_jax.combinators.scan import Scan
from backprop_jax.core.cotangents import instantiate, pull
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.ordering import in_order
from backprop_jax.core.static import Template
from backprop_jax.optim import apply_updates

__all__ = ["FusedTraining", "FusedUpdate", "PreviousNorm", "TwoPasses", "fused_update"]


@dataclass(frozen=True)
class PreviousNorm:
    """Clip to max_norm as if the gradient were as long as that of the step before; the first step is not clipped."""

    max_norm: float


@dataclass(frozen=True)
class TwoPasses:
    """Clip to max_norm, exactly: a backward pass for the norm, and another for the updates."""

    max_norm: float


class FusedTraining(NamedTuple):
    """All that a fused step changes; each stage's own in a list, first stage first."""

    params: list[PyTree]
    state: list[PyTree]
    optimizer_state: list[PyTree]
    square_norm: jax.Array  # of the gradient of the step before, 0 at first


def fused_update(objective: Layer, optimizer: Any, clip: PreviousNorm | TwoPasses | None = None) -> "FusedUpdate":
    """Training steps in which each stage is updated as soon as its gradient is there: the whole gradient never exists.

    The stages are the layers of the objective's outermost chain, and the layers of a `scan` in it, one by one. Forward
    and backward-with-update of a stage are compiled once for all equal stages, so that the time to compile does not
    grow with depth. An objective that is no chain and no supervised chain is one stage.

    The optimizer must treat each parameter by itself, as `adamw` does: clipping by the global norm is `clip`. It sees
    each stage's parameters alone, so masks and groups by path must name them as the stage does.

    Raises:   ValueError if the optimizer's update of a parameter depends on others, or max_norm is not above 0.
    """
    if clip is not None and not clip.max_norm > 0:
        raise ValueError(f"fused_update needs a max_norm above 0, not {clip.max_norm!r}")
    _require_separate(optimizer)
    return FusedUpdate(objective, optimizer, clip)


@dataclass(frozen=True)
class FusedUpdate:
    """What `fused_update` makes: call it as `step(training, batch) -> (training, loss)`.

    `start` makes a training of a model's parameters and state, `finish` makes these of a training. The buffers of the
    training that a step is given are donated.
    """

    objective: Layer
    optimizer: Any
    clip: PreviousNorm | TwoPasses | None = None

    def start(self, params: PyTree, state: PyTree) -> FusedTraining:
        # Copies: the model's own parameters outlive the first step, which donates those of the training.
        own = [jax.tree.map(jnp.copy, part) for part in _unfold(self._model, params)]
        begun = [_init(self.optimizer, part) for part in own]
        return FusedTraining(own, _unfold(self._model, state), begun, jnp.zeros(()))

    def finish(self, training: FusedTraining) -> tuple[PyTree, PyTree]:
        # Copies again, so that training may go on.
        return tuple(jax.tree.map(jnp.copy, _fold(self._model, iter(own))) for own in (training.params, training.state))

    def __call__(self, training: FusedTraining, batch: PyTree) -> tuple[FusedTraining, jax.Array]:
        layers = list(_stages(self._model))
        params, state, optimizer_state = (list(parts) for parts in training[:3])
        x, target = batch if self._loss else (batch, None)
        residuals = []
        for number, layer in enumerate(layers):
            x, state[number], saved = _forward(layer, params[number], state[number], x)
            residuals.append(saved)
        if self._loss:
            value, dy = _loss(self._loss, x, target)
        else:
            _require_scalar(self.objective, x)
            value, dy = x, jnp.ones_like(x)
        del x
        square_norm = training.square_norm
        if isinstance(self.clip, TwoPasses):
            square_norm = self._norm(layers, params, residuals, dy)
        factor = self._factor(square_norm)
        squares = jnp.zeros(())
        for number in reversed(range(len(layers))):
            # Taken out of the list, so that its memory is free when the stage is done.
            params[number], optimizer_state[number], dy, square = _backward_and_update(
                layers[number], self.optimizer, params[number], optimizer_state[number], residuals.pop(), dy, factor
            )
            squares = squares + square
        return FusedTraining(params, state, optimizer_state, squares), value

    def peak_bytes(self, training: FusedTraining, batch: PyTree) -> int:
        """The most that a step holds at once, by XLA's own account: training, residuals, and what a stage needs.

        To set beside the arguments and temporaries of a whole step. Nothing of `training` is used up; arrays that two
        stages save count once.
        """
        x, saved = batch[0] if self._loss else batch, []
        for layer, own, state in zip(_stages(self._model), training.params, training.state, strict=True):
            x, _, residuals = _forward(layer, own, state, x)
            saved.append((residuals, jax.eval_shape(lambda x: x, x)))
        peak, held, known = 0, _bytes(training), {}
        calls = zip(_stages(self._model), training.params, training.optimizer_state, saved, strict=True)
        for number, (layer, own, optimizer_state, (residuals, dy)) in enumerate(calls):
            arguments = own, optimizer_state, residuals, dy, None
            kind = layer, Template.of(jax.eval_shape(lambda *given: given, *arguments))
            if kind not in known:
                known[kind] = _memory(layer, self.optimizer, *arguments)
            peak = max(peak, held + _bytes([earlier for earlier, _ in saved[: number + 1]]) + known[kind])
        return peak

    @property
    def _model(self) -> Layer:
        return self.objective.layer if isinstance(self.objective, Supervised) else self.objective

    @property
    def _loss(self) -> Layer | None:
        return self.objective.loss if isinstance(self.objective, Supervised) else None

    def _factor(self, square_norm: jax.Array) -> jax.Array | None:
        if self.clip is None:
            return None
        norm = jnp.sqrt(square_norm)
        return jnp.where(norm > self.clip.max_norm, self.clip.max_norm / norm, 1.0)

    def _norm(self, layers: list[Layer], params: list[PyTree], residuals: list[PyTree], dy: PyTree) -> jax.Array:
        total = jnp.zeros(())
        for layer, own, saved in reversed(list(zip(layers, params, residuals, strict=True))):
            square, dy = _backward_for_norm(layer, own, saved, dy)
            total = total + square
        return total


def _require_scalar(objective: Layer, value: PyTree) -> None:
    if jnp.shape(value) != ():
        raise ValueError(f"fused_update needs an objective that gives a scalar; {objective} gives {jnp.shape(value)}")


def _stages(layer: Layer) -> Iterator[Layer]:
    match layer:
        case Chain():
            for child in layer.children.layers:
                yield from _stages(child)
        case Scan():
            for _ in range(layer.depth):
                yield from _stages(layer.layer)
        case _:
            yield layer


def _unfold(layer: Layer, tree: PyTree) -> list[PyTree]:
    """The parts of a model's parameters, or state, that belong to its stages."""
    match layer:
        case Chain():
            return [part for child, own in layer.children.zip(tree) for part in _unfold(child, own)]
        case Scan():
            slices = (jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(layer.depth))
            return [part for own in slices for part in _unfold(layer.layer, own)]
        case _:
            return [tree]


def _fold(layer: Layer, parts: Iterator[PyTree]) -> PyTree:
    match layer:
        case Chain():
            return layer.children.pack([_fold(child, parts) for child in layer.children.layers])
        case Scan():
            return jax.tree.map(
                lambda *leaves: jnp.stack(leaves), *(_fold(layer.layer, parts) for _ in range(layer.depth))
            )
        case _:
            return next(parts)


@partial(jax.jit, static_argnums=0)
def _init(optimizer: Any, params: PyTree) -> PyTree:
    return optimizer.init(params)


@partial(jax.jit, static_argnums=0)
def _forward(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
    return layer.forward(params, state, x)


@partial(jax.jit, static_argnums=0)
def _loss(loss: Layer, prediction: PyTree, target: PyTree) -> tuple[jax.Array, PyTree]:
    value, _, residuals = loss.forward((), (), (prediction, target))
    _require_scalar(loss, value)
    _, (dprediction, _) = loss.backward((), residuals, jnp.ones_like(value))
    return value, dprediction


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=(2, 3))
def _backward_and_update(
    layer: Layer,
    optimizer: Any,
    params: PyTree,
    optimizer_state: PyTree,
    residuals: PyTree,
    dy: PyTree,
    factor: jax.Array | None,
) -> tuple[PyTree, PyTree, PyTree, jax.Array]:
    dparams, dx = pull(layer, params, residuals, dy)
    # The parameters are read for dx and written by the update: in this order XLA need not copy them.
    dx, dparams = in_order(dx, instantiate(dparams, params))
    square = _square_norm(dparams)
    if factor is not None:
        dparams = jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), dparams)
    updates, optimizer_state = optimizer.update(dparams, optimizer_state, params)
    return apply_updates(params, updates), optimizer_state, dx, square


def _memory(layer: Layer, optimizer: Any, *arguments: PyTree) -> int:
    """What the backward of a stage needs beside its arguments."""
    memory = _backward_and_update.lower(layer, optimizer, *arguments).compile().memory_analysis()
    if memory is None:
        raise NotImplementedError(f"XLA tells no memory of programs on {jax.default_backend()}")
    return memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes


def _bytes(tree: PyTree) -> int:
    return sum({id(leaf): leaf.nbytes for leaf in jax.tree.leaves(tree)}.values())


@partial(jax.jit, static_argnums=0)
def _backward_for_norm(layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[jax.Array, PyTree]:
    dparams, dx = pull(layer, params, residuals, dy)
    return _square_norm(dparams), dx


def _square_norm(tree: PyTree) -> jax.Array:
    return sum((jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(tree)), jnp.zeros(()))


def _require_separate(optimizer: Any) -> None:
    """Raise ValueError unless two steps on two parameters are those on each alone."""
    random = jax.random.normal(jax.random.key(0), (4, 3))

    def two_steps(params: list[jax.Array], gradients: list[list[jax.Array]]) -> list[jax.Array]:
        state = optimizer.init(params)
        for gradient in gradients:
            updates, state = optimizer.update(gradient, state, params)
            params = apply_updates(params, updates)
        return params

    @jax.jit
    def differences() -> jax.Array:
        a, b, c, d = 10.0 * random
        together = two_steps([a, b], [[c, d], [100.0 * d, c]])
        alone = two_steps([a], [[c], [100.0 * d]]) + two_steps([b], [[d], [c]])
        return jnp.stack([jnp.max(jnp.abs(one - other)) for one, other in zip(together, alone, strict=True)])

    if not jnp.all(differences() < 1e-4):
        raise ValueError(
            f"fused_update takes an optimizer that treats each parameter by itself, and {optimizer} does not: clip "
            "by the global norm with clip=PreviousNorm(...) or clip=TwoPasses(...)"
        )
