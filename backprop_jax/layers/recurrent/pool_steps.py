"""Pooling over the real steps of sequences."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.pooling.maximum import index_dtype
from backprop_jax.layers.recurrent.padded import Padded, mask_of, require_padded

__all__ = ["LastStep", "MaxSteps", "MeanSteps"]


class MeanResiduals(NamedTuple):
    lengths: jax.Array | None
    steps: Static


class PickResiduals(NamedTuple):
    number: jax.Array | None  # of the step that y is from, T where there is none; None where it is the array's last
    steps: Static
    padded: Static


@dataclass(frozen=True)
class MeanSteps(Layer):
    """The mean over the real steps of each sequence.

        y = 1/n Σ_t x_t,   n the number of real steps

    Shapes:   x (B, T, ...) float, or `Padded(x, lengths)` -> y (B, ...), 0 where no step is real.
    Params, state: none.   Saves: the lengths.
    Backward: dx_t = dy / n at the real steps, else 0; the sum of y is in at least float32.
    Raises:   ValueError if x is not floating point or not (B, T, ...), or the lengths do not fit.
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, MeanResiduals]:
        x, lengths = _parts(self, x)
        real = _real(lengths, x.shape[1], x.ndim)
        total = jnp.sum(jnp.where(real, x, 0), 1, jnp.promote_types(x.dtype, jnp.float32))
        return (total / _count(real)).astype(x.dtype), state, MeanResiduals(lengths, Static(x.shape[1]))

    def backward(self, params: PyTree, residuals: MeanResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        lengths, steps = residuals
        real = _real(lengths, steps.value, dy.ndim + 1)
        share = (dy / _count(real)).astype(dy.dtype)
        return (), _like_input(jnp.where(real, share[:, None], 0), lengths is not None)


@dataclass(frozen=True)
class MaxSteps(Layer):
    """The largest element over the real steps of each sequence, every feature by itself.

        y = max_t x_t

    Shapes:   x (B, T, ...) float, or `Padded(x, lengths)` -> y (B, ...), 0 where no step is real.
    Params, state: none.   Saves: for each y the number of its step, as the smallest integer type for it.
    Backward: dx_t = dy where t is that step, else 0. Of equal elements the first is the largest; so is a NaN.
    Raises:   ValueError if x is not floating point or not (B, T, ...), or the lengths do not fit.
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PickResiduals]:
        x, lengths = _parts(self, x)
        real = _real(lengths, x.shape[1], x.ndim)
        # Where x is -inf at all real steps, the first of these: not one that is there to fill up.
        number = jnp.maximum(_first_largest(jnp.where(real, x, -jnp.inf)), _first_largest(real))
        number = jnp.where(jnp.any(real, 1), number, x.shape[1])
        return _pick(x, number), state, _residuals(number, x, lengths)

    def backward(self, params: PyTree, residuals: PickResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), _pick_transposed(residuals, dy)


@dataclass(frozen=True)
class LastStep(Layer):
    """The last real step of each sequence.

        y = x_n,   n the number of the last real step

    Shapes:   x (B, T, ...) float, or `Padded(x, lengths)` -> y (B, ...), 0 where no step is real.
    Params, state: none.   Saves: n, as the smallest integer type for it; nothing for an array.
    Backward: dx_n = dy, else 0
    Raises:   ValueError if x is not floating point or not (B, T, ...), or the lengths do not fit.
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PickResiduals]:
        x, lengths = _parts(self, x)
        steps = x.shape[1]
        if lengths is None:
            y = x[:, -1] if steps else _pick(x, None)
            return y, state, _residuals(None, x, lengths)
        real = _real(lengths, steps, x.ndim)
        number = jnp.where(jnp.any(real, 1), steps - 1 - _first_largest(real[:, ::-1]), steps)
        return _pick(x, number), state, _residuals(number, x, lengths)

    def backward(self, params: PyTree, residuals: PickResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), _pick_transposed(residuals, dy)


def _parts(layer: Layer, x: PyTree) -> Padded:
    """The sequences, with None for the lengths of an array."""
    sequences = x if isinstance(x, Padded) else Padded(x, None)
    require_float(layer, sequences.x, 2)
    if isinstance(x, Padded):
        require_padded(layer, x)
    return sequences


def _real(lengths: jax.Array | None, steps: int, rank: int) -> jax.Array:
    """Whether a step is real: (B, T, 1, ...), or (1, T, 1, ...) if all are."""
    mask = jnp.ones((1, steps), bool) if lengths is None else mask_of(lengths, steps)
    return mask.reshape(mask.shape + (1,) * (rank - 2))


def _count(real: jax.Array) -> jax.Array:
    return jnp.maximum(jnp.sum(real, 1, jnp.float32), 1)


def _first_largest(values: jax.Array) -> jax.Array:
    return jnp.argmax(values, 1) if values.shape[1] else jnp.zeros((len(values), *values.shape[2:]), int)


def _pick(x: jax.Array, number: jax.Array | None) -> jax.Array:
    """The steps of these numbers, zeros for the number T."""
    if number is None or not x.shape[1]:
        return jnp.zeros((len(x), *x.shape[2:]), x.dtype)
    return jnp.take_along_axis(x, number[:, None], 1, mode="fill", fill_value=0)[:, 0]


def _residuals(number: jax.Array | None, x: jax.Array, lengths: jax.Array | None) -> PickResiduals:
    steps = x.shape[1]
    number = None if number is None or not steps else number.astype(index_dtype(steps + 1))
    return PickResiduals(number, Static(steps), Static(lengths is not None))


def _pick_transposed(residuals: PickResiduals, dy: jax.Array) -> PyTree:
    number, steps, padded = residuals
    steps = steps.value
    number = jnp.full((1,) * dy.ndim, steps - 1) if number is None else number
    places = jnp.arange(steps, dtype=number.dtype).reshape(1, steps, *(1,) * (dy.ndim - 1))
    return _like_input(jnp.where(places == number[:, None], dy[:, None], 0), padded.value)


def _like_input(dx: jax.Array, padded: bool) -> PyTree:
    return Padded(dx, None) if padded else dx
