"""What the gradients of single examples say about a batch: noise, agreement, and who matters."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import ExampleGradients, is_gradients
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.norms import of_each_parameter, square_norms, weighted_sum
from backprop_jax.harvest.per_example import example_gradients

__all__ = ["GradientStatistics", "alignment", "cosines", "gradient_statistics"]


class GradientStatistics(NamedTuple):
    """Of the B gradients g_i of a batch, in units of the squared gradient but for the noise scale and the ratios."""

    norms: jax.Array  # (B,) |g_i|, not squared
    variance: jax.Array  # tr Σ: how far an example's gradient is from the mean's, squared and averaged
    square_norm: jax.Array  # |G|² of the gradient of all data; an estimate without bias, so it may be below 0
    noise_scale: jax.Array  # tr Σ / |G|²: the batch size, in examples, at which noise and gradient are equally large
    signal_to_noise: PyTree  # for each parameter: |mean of g_i| / √(variance of the mean), with its own variance


def gradient_statistics(objective: Layer) -> Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]]:
    """The function `(params, state, batch) -> (((value, new_state), gradient), GradientStatistics)`.

    The gradient is the mean of the examples' own. A batch must have 2 examples or more. One batch's noise scale is
    itself noisy: average `variance` and `square_norm` over steps, and divide the averages.

    Where all examples agree there is no noise: the noise scale is 0, and a ratio of signal to noise infinite. Where
    there is no signal either, as in a layer of dead units, the ratio is 0.

    Raises:   ValueError for fewer than 2 examples, and as `example_gradients`.
    Source:   McCandlish et al., 2018, arXiv:1812.06162, appendix A.1.
    """
    gradients_of = example_gradients(objective)

    def statistics(params: PyTree, state: PyTree, batch: PyTree) -> tuple[PyTree, PyTree]:
        count = jax.tree.leaves(batch)[0].shape[0]
        if count < 2:
            raise ValueError(f"gradient_statistics tells a variance from 2 examples or more, not from {count}")
        out, gradients = gradients_of(params, state, batch)
        norms = jnp.sqrt(square_norms(gradients))
        mean = weighted_sum(gradients, jnp.full(count, 1 / count))
        of_examples = of_each_parameter(gradients, lambda own: own.square_norms())  # each (B,)
        of_mean = jax.tree.map(lambda leaf: jnp.sum(jnp.square(leaf.astype(jnp.float32))), mean)

        def variance_of(squares: jax.Array, square_of_mean: jax.Array) -> jax.Array:
            # The difference of two sums can be a rounding error below 0, where all examples are alike.
            return jnp.maximum(jnp.sum(squares) - count * square_of_mean, 0) / (count - 1)

        variances = jax.tree.map(variance_of, of_examples, of_mean)
        total, variance = (reduce(operator.add, jax.tree.leaves(tree)) for tree in (of_mean, variances))
        square_norm = total - variance / count
        ratios = jax.tree.map(lambda square, own: jnp.sqrt(_ratio(square, own / count)), of_mean, variances)
        found = GradientStatistics(norms, variance, square_norm, _ratio(variance, square_norm), ratios)
        return (out, mean), found

    return statistics


def _ratio(part: jax.Array, whole: jax.Array) -> jax.Array:
    """part / whole, and 0 where both are."""
    return part / jnp.where(part == 0, 1, whole)


def cosines(gram: jax.Array) -> jax.Array:
    """The cosines of the angles between examples' gradients, (B, B), from their `gram`; 0 with a gradient of zero."""
    norms = jnp.sqrt(jnp.diagonal(gram))
    return gram / jnp.where(norms == 0, 1, norms)[:, None] / jnp.where(norms == 0, 1, norms)


def alignment(gradients: PyTree, direction: PyTree) -> jax.Array:
    """<g_i, direction> of all parameters together, (B,), with a direction in the form of the parameters.

    With the gradient on held-out data as the direction it tells which examples help there: a step along -g_i lowers
    the held-out loss by the learning rate times this. The lowest are suspects: wrong labels, or another task.

    Source:   Pruthi et al., 2020, arXiv:2002.08484 (TracIn).
    """

    def along(own: ExampleGradients | None, part: jax.Array | None) -> jax.Array | None:
        if own is None or part is None:
            return None
        found = own.on_each_layer(lambda layer, part: layer.along(part), part)
        return jnp.sum(found, tuple(range(own.stacked)))

    parts = jax.tree.map(along, gradients, direction, is_leaf=lambda node: node is None or is_gradients(node))
    return reduce(operator.add, jax.tree.leaves(parts))
