"""The programs of a fused step: equal ones are compiled once, so that a deeper model compiles nothing more."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.cotangents import instantiate, pull
from backprop_jax.core.layer import PyTree
from backprop_jax.core.ordering import in_order
from backprop_jax.core.static import Static
from backprop_jax.harvest.fused.stages import Program, View
from backprop_jax.optim import apply_updates

__all__ = ["assemble", "backward_and_update", "backward_for_norm", "begin", "forward"]

# What a program gives is not what it was given, which would be copied: the new leaves, and where all leaves stand.
New = tuple[list[jax.Array], Static]


@partial(jax.jit, static_argnums=(0, 1))
def begin(optimizer: Any, view: View, params: PyTree) -> PyTree:
    """The optimizer's state of a stage."""
    return optimizer.init(view.of(params)) if jax.tree.leaves(params) else ()


@partial(jax.jit, static_argnums=0)
def forward(program: Program, params: list[PyTree], state: list[PyTree], x: PyTree) -> New:
    """Output, new state and residuals; given are `(params, state, x)`."""
    container = tuple(params), tuple(state)
    return _new(program.layer.forward(*container, x), (params, state, x))


@partial(jax.jit, static_argnums=(0, 1, 2), donate_argnums=(3, 4))
def backward_and_update(
    program: Program,
    optimizer: Any,
    tells_norm: bool,
    params: list[PyTree],
    optimizer_state: list[PyTree],
    residuals: PyTree,
    dy: PyTree,
    factor: jax.Array | None,
) -> tuple[list[PyTree], list[PyTree], New, jax.Array | None]:
    """New parameters and optimizer states, the cotangent of the input (given is dy), the gradient's square norm."""
    dparams, dx = pull(program.layer, tuple(params), residuals, dy)
    gradients = list(instantiate(dparams, tuple(params)))
    # Nobody asks for the cotangent of the batch: left out here, it is not computed.
    new, places = _new(None if program.is_first else dx, dy)
    earliest = next((i for i, own in enumerate(params) if jax.tree.leaves(own)), None)
    if earliest is not None:
        # These parameters are read for dx and written by the update: in this order XLA need not copy them. The chain
        # orders those of its later layers.
        new, gradients[earliest] = in_order(new, gradients[earliest])
    square = square_norm(gradients) if tells_norm else None
    if factor is not None:
        gradients = jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), gradients)
    params, optimizer_state = list(params), list(optimizer_state)
    for i, view in enumerate(program.views):
        if jax.tree.leaves(params[i]):
            seen = view.of(params[i])
            updates, optimizer_state[i] = optimizer.update(view.of(gradients[i]), optimizer_state[i], seen)
            params[i] = view.back(apply_updates(seen, updates))
    return params, optimizer_state, (new, places), square


@partial(jax.jit, static_argnums=0)
def backward_for_norm(program: Program, params: list[PyTree], residuals: PyTree, dy: PyTree) -> tuple[New, jax.Array]:
    """The cotangent of the input (given is dy), and the gradient's square norm."""
    dparams, dx = pull(program.layer, tuple(params), residuals, dy)
    return _new(None if program.is_first else dx, dy), square_norm(dparams)


def assemble(new: New, given: PyTree) -> PyTree:
    """What a program gives, whole."""
    leaves, places = new
    structure, numbers = places.value
    every = [*jax.tree.leaves(given), *leaves]
    return structure.unflatten(every[number] for number in numbers)


def square_norm(tree: PyTree) -> jax.Array:
    return sum((jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(tree)), jnp.zeros(()))


def _new(told: PyTree, given: PyTree) -> New:
    leaves, structure = jax.tree.flatten(told)
    # While a program is traced the same array is the same tracer.
    every = list(jax.tree.leaves(given))
    known = {id(leaf): number for number, leaf in reversed(list(enumerate(every)))}
    old = len(every)
    for leaf in leaves:
        if known.setdefault(id(leaf), len(every)) == len(every):
            every.append(leaf)
    return every[old:], Static((structure, tuple(known[id(leaf)] for leaf in leaves)))
