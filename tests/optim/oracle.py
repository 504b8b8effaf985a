"""Run our optimizers and optax's over the same random gradients.

A case is the text of a call, such as "adam(0.1, nesterov=True)". Ours and optax's are both made of that one text, so
names, argument names and defaults are compared too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax.contrib

from backprop_jax import optim
from tests.optim import functions

STEPS = 50
NAMES = {"jax": jax, "jnp": jnp, "add_share_of_params": functions.add_share_of_params}
NO_EXTRA: Callable[[Any, Any], dict[str, Any]] = lambda params, updates: {}
AS_GIVEN: Callable[[Any, Any], Any] = lambda params, gradient: gradient


def ours(text: str) -> Any:
    return eval(text, vars(optim) | NAMES)


def theirs(text: str) -> Any:
    return eval(text, vars(optax.contrib) | vars(optax) | NAMES)


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


def train(
    optimizer: Any, params: Any, gradients: Any, extra: Any = NO_EXTRA, gradient_at: Any = AS_GIVEN
) -> tuple[Any, Any, Any]:
    """The last parameters, the last state, and the updates of every step, by `lax.scan` under jit."""
    return train_side_by_side([optimizer], params, gradients, extra, gradient_at)[0]


def train_side_by_side(
    optimizers: Any, params: Any, gradients: Any, extra: Any = NO_EXTRA, gradient_at: Any = AS_GIVEN
) -> list[tuple[Any, Any, Any]]:
    """`train` of each, in one program: two are not compiled in twice the time of one."""

    def advance(optimizer: Any, carry: tuple[Any, Any], gradient: Any) -> tuple[tuple[Any, Any], Any]:
        params, state = carry
        gradient = gradient_at(params, gradient)
        updates, state = optimizer.update(gradient, state, params, **extra(params, gradient))
        return (optim.apply_updates(params, updates), state), updates

    def step(carries: list[Any], gradient: Any) -> tuple[list[Any], list[Any]]:
        after = [advance(optimizer, carry, gradient) for optimizer, carry in zip(optimizers, carries, strict=True)]
        return [carry for carry, _ in after], [updates for _, updates in after]

    @jax.jit
    def run(params: Any, gradients: Any) -> list[tuple[Any, Any, Any]]:
        starts = [(params, optimizer.init(params)) for optimizer in optimizers]
        carries, updates = jax.lax.scan(step, starts, gradients)
        return [(*carry, of) for carry, of in zip(carries, updates, strict=True)]

    return run(params, gradients)


def train_in_float32(
    optimizer: Any, params: Any, gradients: Any, extra: Any = NO_EXTRA, gradient_at: Any = AS_GIVEN
) -> tuple[Any, Any, Any]:
    """As `train`, for optax's optimizers: half-precision leaves are widened before each update and rounded after it.

    That is what our transforms do. optax calculates in the leaves' own dtype, where 0.999 is 1.
    """
    return train(InFloat32(optimizer), params, gradients, extra, gradient_at)


class InFloat32(NamedTuple):
    """An optimizer of optax as `train_in_float32` runs it."""

    optimizer: Any

    def init(self, params: Any) -> Any:
        return self.optimizer.init(params)

    def update(self, updates: Any, state: Any, params: Any, **extra: Any) -> tuple[Any, Any]:
        wide = [jax.tree.map(_widen, tree) for tree in (updates, state, params)]
        new_updates, new_state = self.optimizer.update(*wide, **jax.tree.map(_widen, extra))
        return _narrow(new_updates, updates), _narrow(new_state, state)


def _widen(leaf: Any) -> Any:
    return leaf.astype(jnp.float32) if getattr(leaf, "dtype", None) in (jnp.bfloat16, jnp.float16) else leaf


def _narrow(tree: Any, like: Any) -> Any:
    def cast(leaf: Any, model: Any) -> Any:
        # A random key has a dtype, but no astype.
        return leaf.astype(model.dtype) if hasattr(model, "dtype") and leaf.dtype != model.dtype else leaf

    return jax.tree.map(cast, tree, like)


def assert_close(actual: Any, expected: Any, relative: float) -> None:
    """Every leaf within `relative` of the expected leaf's largest value; half-precision leaves within 1 %."""
    actual, expected = jax.tree.leaves(actual), jax.tree.leaves(expected)
    for a, e in zip(actual, expected, strict=True):
        if jax.dtypes.issubdtype(jnp.result_type(e), jax.dtypes.prng_key):
            a, e = jax.random.key_data(a), jax.random.key_data(e)
        tolerance = max(relative, 1e-2) if jnp.result_type(e) in (jnp.bfloat16, jnp.float16) else relative
        a, e = (np.asarray(x, np.promote_types(x.dtype, np.float32)) for x in (a, e))
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance * np.max(np.abs(e), initial=0.0))


def rejects_update(optimizer: Any, updates: Any, state: Any, params: Any = None) -> str:
    """The message of the ValueError that this update raises."""
    try:
        optimizer.update(updates, state, params)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{optimizer} accepted updates that it should have refused")
