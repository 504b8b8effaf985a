"""Objectives of two numbers on which line searches are compared, most of them those of optax's own tests."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def exponential(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.exp(-4 * x) + x**2)


def sinusoidal(x: jax.Array) -> jax.Array:
    return -jnp.sum(jnp.sin(10 * x))


def rosenbrock(x: jax.Array) -> jax.Array:
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def eggholder(x: jax.Array) -> jax.Array:
    first, second = jnp.abs(x[0] / 2 + x[1] + 47), jnp.abs(x[0] - (x[1] + 47))
    return -(x[1] + 47) * jnp.sin(jnp.sqrt(first)) - x[0] * jnp.sin(jnp.sqrt(second))


def zakharov(x: jax.Array) -> jax.Array:
    weighted = 0.5 * x[0] + x[1]
    return jnp.sum(x**2) + weighted**2 + weighted**4


def logarithm(x: jax.Array) -> jax.Array:
    """Undefined left of zero."""
    return jnp.sum(jnp.log(x))


def flat(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.exp(-1 / x**2))


# No quadratic: the cubic term that a search looks for would be nothing but rounding.
PROBLEMS: list[Any] = [exponential, sinusoidal, rosenbrock, eggholder, zakharov, logarithm, flat]


def any_problem(x: jax.Array, number: jax.Array) -> jax.Array:
    """The problem of that number, which may be traced."""
    return jax.lax.switch(number, PROBLEMS, x)
