"""From the loss's curvature to the parameters': one backward for each column of the root of its Hessian."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.cotangents import pull
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.curvature.loss_roots import loss_root, require_likelihood, require_supervised
from backprop_jax.harvest.per_example import per_example

__all__ = ["COLUMNS", "Harvest", "harvest_columns"]

HOW = ("exact", "sampled", "empirical")
COLUMNS = "columns"  # the name of their axis

# (params, state, batch, key=None) -> ((value, new_state), what was harvested)
Harvest = Callable[..., tuple[tuple[jax.Array, PyTree], Any]]


def harvest_columns(
    objective: Layer, how: str, samples: int, finish: Callable[[PyTree, str | None], PyTree], name: str
) -> Harvest:
    """The function that runs the model once forward and back for each column, and hands on what `finish` makes of it.

    `finish(gradients, columns)` is given the `ExampleGradients` of a column. It sums over the examples, and where
    `columns` is the name of an axis over this too.
    """
    if how not in HOW:
        raise ValueError(f"{name} needs a how of {', '.join(map(repr, HOW))}, not {how!r}")
    if not isinstance(samples, int) or samples < 1:
        raise ValueError(f"{name} needs a whole number of samples, 1 or more, not {samples!r}")
    if how == "empirical":
        return _of_the_data(per_example(objective), finish)
    supervised = require_supervised(objective, f"{name} with how={how!r}")
    loss, model = supervised.loss, per_example(supervised.layer)
    require_likelihood(loss)

    def harvest(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array | None = None
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        inputs, target = batch
        prediction, new_state, residuals = model.forward(params, state, inputs)
        value, _, _ = loss.forward((), (), (prediction, target))
        root = loss_root(loss, prediction, target)

        def back(column: jax.Array, columns: str | None) -> PyTree:
            gradients, _ = pull(model, params, residuals, column.astype(prediction.dtype))
            return finish(gradients, columns)

        def of_all(column: Callable[[jax.Array], jax.Array], numbers: jax.Array) -> PyTree:
            # What comes out is the sum over the columns, so that there is one of each.
            return jax.vmap(lambda number: back(column(number), COLUMNS), out_axes=None, axis_name=COLUMNS)(numbers)

        if how == "exact":
            return (value, new_state), of_all(root.column, jnp.arange(root.columns))
        if key is None:
            raise ValueError(f"{name} with how='sampled' draws at random: call it with (params, state, batch, key)")
        if samples == 1:
            return (value, new_state), back(root.sample(key), None)
        keys = jax.random.split(key, samples)
        return (value, new_state), of_all(lambda own: root.sample(own) / samples**0.5, keys)

    return harvest


def _of_the_data(layer: Layer, finish: Callable[[PyTree, str | None], PyTree]) -> Harvest:
    """The columns of the empirical Fisher matrix are the gradients of the examples' own losses, over √B."""

    def harvest(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array | None = None
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        value, new_state, residuals = layer.forward(params, state, batch)
        root = jax.tree.leaves(batch)[0].shape[0] ** 0.5
        dy = jnp.full(value.shape, root if value.ndim == 0 else 1 / root, value.dtype)
        gradients, _ = layer.backward(params, residuals, dy)
        return (value, new_state), finish(gradients, None)

    return harvest
