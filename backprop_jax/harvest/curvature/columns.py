"""From the loss's curvature to the parameters': one backward for each column of the root of its Hessian."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.cotangents import cast_like, pull
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.varying import varying_axes
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.curvature.told_apart import told_apart
from backprop_jax.harvest.per_example import example_gradients, per_example

__all__ = ["COLUMNS", "Harvest", "harvest_columns", "of_the_data"]

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
    if whole_number(samples, least=1) is None:
        raise ValueError(f"{name} needs a whole number of samples, 1 or more, not {samples!r}")
    if how == "empirical":
        example_gradients(objective)  # refuses a loss in which an example's own cannot be told
        return of_the_data(objective, finish)
    apart = told_apart(objective, f"{name} with how={how!r}", how)
    model = per_example(apart.model)

    def harvest(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array | None = None
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        prediction, new_state, residuals = model.forward(params, state, apart.inputs(batch))
        root = apart.root(prediction, batch)

        def back(column: PyTree, columns: str | None) -> PyTree:
            gradients, _ = pull(model, params, residuals, cast_like(column, prediction))
            return finish(gradients, columns)

        def of_all(column: Callable[[jax.Array], PyTree], numbers: jax.Array) -> PyTree:
            if any(map(varying_axes, jax.tree.leaves(prediction))):
                raise ValueError(
                    f"{name} sums over many columns by the name of their axis, which shard_map(..., check_vma=True) "
                    "knows nothing of: use check_vma=False, or how='sampled' with samples=1"
                )
            # What comes out is the sum over the columns, so that there is one of each.
            return jax.vmap(lambda number: back(column(number), COLUMNS), out_axes=None, axis_name=COLUMNS)(numbers)

        if how == "exact":
            return (root.value, new_state), of_all(root.column, jnp.arange(root.columns))
        if key is None:
            raise ValueError(f"{name} with how='sampled' draws at random: call it with (params, state, batch, key)")
        if samples == 1:
            return (root.value, new_state), back(root.sample(key), None)
        keys = jax.random.split(key, samples)
        return (root.value, new_state), of_all(lambda own: root.sample(own, 1 / samples), keys)

    return harvest


def of_the_data(objective: Layer, finish: Callable[[PyTree, str | None], PyTree]) -> Harvest:
    """The columns of the empirical Fisher matrix are the gradients of the examples' own losses, over √B."""
    layer = per_example(objective)

    def harvest(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array | None = None
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        value, new_state, residuals = layer.forward(params, state, batch)
        root = jax.tree.leaves(batch)[0].shape[0] ** 0.5
        dy = jnp.full(value.shape, root if value.ndim == 0 else 1 / root, value.dtype)
        gradients, _ = layer.backward(params, residuals, dy)
        return (value, new_state), finish(gradients, None)

    return harvest
