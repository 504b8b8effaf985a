"""The programs of JAX contestants: the same step around each one's own gradient and optimizer."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.workload import JaxProgram

__all__ = ["differentiation", "stateless", "training"]

# (params, state, batch) -> ((loss, state), gradient)
ValueAndGrad = Callable[[Any, Any, Any], tuple[tuple[jax.Array, Any], Any]]
# a tree like params -> its leaves by the Task's names, in its layout
Named = Callable[[Any], Mapping[str, Any]]


def training(
    value_and_grad: ValueAndGrad,
    optimizer: Any,
    apply_updates: Callable[[Any, Any], Any],
    params: Any,
    named: Named,
    state: Any = (),
) -> JaxProgram:
    """Gradient, optimizer, update."""
    params = jax.tree.map(jnp.asarray, params)

    def step(carry, batch):
        params, state, optimizer_state = carry
        (loss, state), gradient = value_and_grad(params, state, batch)
        updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
        return (apply_updates(params, updates), state, optimizer_state), loss

    def gradients(carry, batch):
        params, state, _ = carry
        (loss, _), gradient = value_and_grad(params, state, batch)
        return loss, named(gradient)

    return JaxProgram(step, gradients, (params, state, optimizer.init(params)))


def differentiation(value_and_grad: ValueAndGrad, params: Any, named: Named, state: Any = ()) -> JaxProgram:
    """The gradient alone. The carry holds it, so that no part of it is dead code."""

    def step(carry, batch):
        params, state, _ = carry
        (loss, state), gradient = value_and_grad(params, state, batch)
        return (params, state, gradient), loss

    def gradients(carry, batch):
        (_, _, gradient), loss = step(carry, batch)
        return loss, named(gradient)

    return JaxProgram(step, gradients, (params, state, jax.tree.map(jnp.zeros_like, params)))


def stateless(loss: Callable[[Any, Any], jax.Array]) -> ValueAndGrad:
    """The gradient by JAX of `loss(params, batch)`."""
    return jax.value_and_grad(lambda params, state, batch: (loss(params, batch), state), has_aux=True)
