"""One gradient for several losses that pull in different directions."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from backprop_jax.core.cotangents import cast_like, widen
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad

__all__ = ["pcgrad", "reconciled_value_and_grad"]


def pcgrad(gradients: Sequence[PyTree], key: jax.Array) -> PyTree:
    """The sum of several losses' gradients, each first without what would undo the others.

        for each i, for the others j in random order:   if <g_i, g_j> < 0:   g_i = g_i - <g_i, g_j> / |g_j|² g_j

    with g_j as it was given. Inner products are those of all parameters together.
    Source:   Yu et al., 2020, arXiv:2001.06782, algorithm 1.
    """
    if not gradients:
        raise ValueError("pcgrad needs one gradient or more")
    rows = jnp.stack([ravel_pytree(widen(gradient))[0] for gradient in gradients])
    squares = jnp.sum(rows * rows, 1)

    def deconflict(own: jax.Array, number: jax.Array, key: jax.Array) -> jax.Array:
        def project(own: jax.Array, other: jax.Array) -> tuple[jax.Array, None]:
            along = own @ rows[other]
            conflicts = (along < 0) & (other != number)
            return own - jnp.where(conflicts, along / squares[other], 0) * rows[other], None

        return jax.lax.scan(project, own, jax.random.permutation(key, len(rows)))[0]

    keys = jax.random.split(key, len(rows))
    total = jnp.sum(jax.vmap(deconflict)(rows, jnp.arange(len(rows)), keys), 0)
    return cast_like(ravel_pytree(widen(gradients[0]))[1](total), gradients[0])


def reconciled_value_and_grad(objectives: Sequence[Layer]) -> Callable[..., tuple[tuple[jax.Array, PyTree], PyTree]]:
    """The function `(params, state, batch, key) -> ((values, new_state), gradient)` with the `pcgrad` of objectives.

    All have the same parameters and state, such as one model with several losses; values (n,) are theirs. The new
    state is that of the last.

    Raises:   ValueError if there is no objective.
    """
    if not objectives:
        raise ValueError("reconciled_value_and_grad needs one objective or more")

    def value_and_gradient(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        values, gradients, new_state = [], [], state
        for objective in objectives:
            (value, new_state), gradient = value_and_grad(objective)(params, state, batch)
            values.append(value)
            gradients.append(gradient)
        return (jnp.stack(values), new_state), pcgrad(gradients, key)

    return value_and_gradient
