"""Differentially private gradients."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.cotangents import instantiate
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.clipping import clipped_sum
from backprop_jax.harvest.noise import noise_like
from backprop_jax.harvest.per_example import example_gradients

__all__ = ["private_value_and_grad"]


def private_value_and_grad(
    objective: Layer,
    clip: float,
    noise: float,
    *,
    batch_size: float | None = None,
    per_parameter: bool = False,
    accumulation_steps: int = 1,
) -> Callable[..., tuple[tuple[jax.Array, PyTree], PyTree]]:
    """The function `(params, state, batch, key, mask=None) -> ((value, new_state), gradient)` of private training.

        gradient = (Σ_i g_i min(1, clip / |g_i|) + clip noise ξ) / batch_size,   ξ standard normal, drawn from key

    g_i is the gradient of example i's own loss: see `example_gradients` for what the objective gives. It costs one
    forward pass, one backward pass without the weight gradients, and these, once, clipped.

    mask (B,) tells the real examples of a batch that Poisson sampling has padded, with whatever is finite; `batch_size`
    is then the expected number, the sampling rate times the number of examples (None: B). value is the mean loss of
    the real examples if the objective gives one loss an example, else what it gives. `per_parameter` clips each
    parameter to clip / √n by itself. `accumulation_steps` goes over the batch in so many equal parts, one after the
    other, for less memory.

    Private is the gradient, and what is made of it: value and new_state are of this batch, without noise. An example is
    a row of the batch, with all the texts that are packed into it. A row whose gradient is not finite makes the whole
    gradient so.

    Units:    `noise` is the noise multiplier: the deviation of the noise in units of clip.
    Raises:   ValueError if clip is not above 0, noise is below 0, one of them is infinite, accumulation_steps does not
              divide the batch, the mask does not fit it, it has no rows, or a layer cannot tell its examples apart: see
              `per_example`.
    Source:   Abadi et al., 2016, arXiv:1607.00133; Bu et al., 2022, arXiv:2210.00038.
    """
    if not 0 < clip < math.inf:
        raise ValueError(f"private_value_and_grad needs a finite clip above 0, not {clip!r}")
    if not 0 <= noise < math.inf:
        raise ValueError(f"private_value_and_grad needs a finite noise of 0 or more, not {noise!r}")
    if whole_number(accumulation_steps, least=1) is None:
        raise ValueError(f"private_value_and_grad needs accumulation_steps of 1 or more, not {accumulation_steps!r}")
    if batch_size is not None and not batch_size > 0:
        raise ValueError(f"private_value_and_grad needs a batch_size above 0, not {batch_size!r}")
    gradients_of = example_gradients(objective)

    def one_part(params: PyTree, state: PyTree, part: PyTree) -> tuple[PyTree, tuple[jax.Array, PyTree]]:
        batch, mask = part
        (value, state), gradients = gradients_of(params, state, batch)
        return state, (value, clipped_sum(gradients, clip, mask, per_parameter))

    def gradient(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array, mask: jax.Array | None = None
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        rows = _rows(batch)
        if rows == 0 or rows % accumulation_steps:
            raise ValueError(
                f"private_value_and_grad needs a batch of one row or more that {accumulation_steps} steps divide, not "
                f"of {rows}; a batch that Poisson sampling left empty is all padding, with a mask of False"
            )

        if mask is not None and (jnp.shape(mask) != (rows,) or jnp.result_type(mask) != jnp.bool_):
            raise ValueError(
                f"private_value_and_grad needs a mask of {rows} truth values, one a row, not "
                f"{jnp.result_type(mask)}{list(jnp.shape(mask))}"
            )

        def add_part(carry: PyTree, part: PyTree) -> tuple[PyTree, jax.Array]:
            state, total = carry
            state, (value, clipped) = one_part(params, state, part)
            return (state, jax.tree.map(jnp.add, total, clipped)), value

        if accumulation_steps == 1:
            state, (value, total) = one_part(params, state, (batch, mask))
        else:
            parts = jax.tree.map(lambda a: a.reshape(accumulation_steps, -1, *a.shape[1:]), (batch, mask))
            one = jax.tree.map(lambda a: a[0], parts)
            like = jax.eval_shape(one_part, params, state, one)[1][1]
            zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)
            (state, total), value = lax.scan(add_part, (state, zeros), parts)
            value = jnp.mean(value, 0) if value.ndim == 1 else value.reshape(rows, *value.shape[2:])
        # What is frozen has no gradient, and gets no noise.
        noisy = instantiate(_add_noise(key, total, clip * noise), params)
        gradient = jax.tree.map(lambda leaf: leaf / (rows if batch_size is None else batch_size), noisy)
        return (_mean(value, mask), state), gradient

    return gradient


def _add_noise(key: jax.Array, tree: PyTree, deviation: float) -> PyTree:
    if deviation == 0:
        return tree
    leaves, structure = jax.tree.flatten(tree)
    noise = noise_like(key, leaves)
    return structure.unflatten(leaf + deviation * part for leaf, part in zip(leaves, noise, strict=True))


def _mean(value: jax.Array, mask: jax.Array | None) -> jax.Array:
    """The mean loss of the real examples, 0 if there are none."""
    if value.ndim == 0:
        return value
    losses = jnp.sum(value, tuple(range(1, value.ndim)))
    if mask is None:
        return jnp.mean(losses)
    return jnp.sum(jnp.where(mask, losses, 0)) / jnp.maximum(jnp.sum(mask), 1)


def _rows(batch: PyTree) -> int:
    return jax.tree.leaves(batch)[0].shape[0]
