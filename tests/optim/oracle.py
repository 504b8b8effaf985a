"""Run our optimizers and optax's over the same random gradients.

A case is the text of a call, such as "adam(0.1, nesterov=True)". Ours and optax's are both made of that one text, so
names, argument names and defaults are compared too.
"""

from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from backprop_jax import optim

STEPS = 20


def ours(text: str) -> Any:
    return eval(text, vars(optim) | {"jnp": jnp})


def theirs(text: str) -> Any:
    return eval(text, vars(optax) | {"jnp": jnp})


def random_like(tree: Any, seed: int) -> Any:
    """Normal values of the shapes and dtypes of `tree`."""
    numbers = np.random.default_rng(seed)

    def draw(leaf: Any) -> jax.Array:
        values = numbers.normal(size=leaf.shape)
        if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            values = values + 1j * numbers.normal(size=leaf.shape)
        return jnp.asarray(values, leaf.dtype)

    return jax.tree.map(draw, tree)


def params_and_gradients(shapes: Any) -> tuple[Any, Any]:
    """Random parameters, and random gradients for `STEPS` steps along a new first axis."""
    steps = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((STEPS, *leaf.shape), leaf.dtype), shapes)
    return random_like(shapes, 0), random_like(steps, 1)


def train(optimizer: Any, params: Any, gradients: Any) -> tuple[Any, Any, Any]:
    """The last parameters, the last state, and the updates of every step, by `lax.scan` under jit."""

    def step(carry: tuple[Any, Any], gradient: Any) -> tuple[tuple[Any, Any], Any]:
        params, state = carry
        updates, state = optimizer.update(gradient, state, params)
        return (optim.apply_updates(params, updates), state), updates

    @jax.jit
    def run(params: Any, gradients: Any) -> tuple[Any, Any, Any]:
        carry, updates = jax.lax.scan(step, (params, optimizer.init(params)), gradients)
        return *carry, updates

    return run(params, gradients)


def train_by_hand(optimizer: Any, params: Any, gradients: Any) -> tuple[Any, Any, Any]:
    """As `train`, one operation at a time: much the faster for optax, since nothing is compiled anew."""
    state, history = optimizer.init(params), []
    for t in range(STEPS):
        gradient = jax.tree.map(operator.itemgetter(t), gradients)
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        history.append(updates)
    return params, state, jax.tree.map(lambda *steps: jnp.stack(steps), *history)


def assert_close(actual: Any, expected: Any, relative: float) -> None:
    """Every leaf within `relative` of the expected leaf's largest value."""
    actual, expected = jax.tree.leaves(actual), jax.tree.leaves(expected)
    for a, e in zip(actual, expected, strict=True):
        a, e = (np.asarray(x, np.promote_types(x.dtype, np.float32)) for x in (a, e))
        np.testing.assert_allclose(a, e, rtol=relative, atol=relative * np.max(np.abs(e), initial=0.0))


def rejects_update(optimizer: Any, updates: Any, state: Any, params: Any = None) -> str:
    """The message of the ValueError that this update raises."""
    try:
        optimizer.update(updates, state, params)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{optimizer} accepted updates that it should have refused")
