"""Batch normalization, with the ReLU that follows it if wished: each channel over the whole batch."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, constant
from backprop_jax.layers.normalization.checks import require_eps, require_width

__all__ = ["BatchNorm"]


class BatchNormResiduals(NamedTuple):
    x: jax.Array
    mean: jax.Array  # (C,)
    rstd: jax.Array  # (C,)


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Each channel normalized to zero mean and unit variance over all axes but the last, then scaled and shifted.

        y = scale x̂ + shift,   x̂ = (x - mean) rstd,   rstd = 1 / sqrt(var + eps);   y = max(0, that) with relu

    In training mean and var are those of the n values of a channel in the batch, in eval mode those in the state.

    Shapes:   x (..., C) float, two axes or more -> y (..., C).   Params: scale (C,), shift (C,).
    State:    mean, var (C,) in at least float32: momentum times the old + (1 - momentum) times the batch's mean, and
              its variance times n / (n - 1), which has no bias.
    Saves:    x, and mean, rstd (C,) in at least float32. No mask of relu either: x tells it.
    Backward: with g = dy where y > 0, else 0 (without relu g = dy):   dscale = Σ g x̂,   dshift = Σ g,
                dx = scale rstd (g - dshift / n - x̂ dscale / n);   in eval mode dx = scale rstd g
    Units:    eps is added to a variance; momentum is the part of the old statistics that stays. axis_name: the axes of
              `shard_map`, `pmap` or `vmap` that share the batch. n, and every mean above, is then over all devices,
              dscale and dshift are sums on this one. Under jit a sharded x needs none: statistics are global there.
    Raises:   ValueError if eps is negative, momentum is outside [0, 1], x is not floating point, has fewer than two
              axes, its width is not that of scale, if in training n < 2, or if axis_name is no axis where it runs.
    Source:   Ioffe & Szegedy, 2015, arXiv:1502.03167, algorithms 1 and 2.
    """

    momentum: float = 0.9
    eps: float = 1e-5
    relu: bool = False
    axis_name: str | tuple[str, ...] | None = None
    scale_init: Initializer = constant(1.0)
    train: bool = True

    def __post_init__(self) -> None:
        require_eps(self, self.eps)
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"BatchNorm needs a momentum from 0 to 1, not {self.momentum}")
        if isinstance(self.axis_name, list):
            object.__setattr__(self, "axis_name", tuple(self.axis_name))  # a list would make the layer unhashable

    @property
    def mixes_examples(self) -> bool:
        return self.train

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=2)
        width, dtype = x.shape[-1:], jnp.promote_types(x.dtype, jnp.float32)
        params = {"scale": self.scale_init(key, width, dtype), "shift": jnp.zeros(width, dtype)}
        return params, {"mean": jnp.zeros(width, dtype), "var": jnp.ones(width, dtype)}

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, BatchNormResiduals]:
        require_float(self, x, rank=2)
        require_width(self, params, x)
        precise = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        if self.train:
            count = self._count(x)
            rows = tuple(range(x.ndim - 1))
            # Twice over x: the variance as E[x²] - mean² saves a pass, and has no digit left where mean is 10⁴ std.
            mean = self._total(jnp.sum(precise, rows)) / count
            centered = precise - mean
            var = self._total(jnp.sum(centered * centered, rows)) / count
            state = {
                "mean": self._moved(state["mean"], mean),
                "var": self._moved(state["var"], var * count / (count - 1)),
            }
        else:
            mean, var = (state[name].astype(precise.dtype) for name in ("mean", "var"))
        rstd = lax.rsqrt(var + self.eps)
        residuals = BatchNormResiduals(x, mean, rstd)
        return self.output_again(params, residuals), state, residuals

    def output_again(self, params: PyTree, residuals: BatchNormResiduals) -> jax.Array:
        """y, from what is saved: the layer after this one need not save its input."""
        x, mean, rstd = residuals
        y = _affine(params, x.astype(mean.dtype), mean, rstd)
        y = jax.nn.relu(y) if self.relu else y
        return y.astype(jnp.result_type(x, params["scale"]))

    def backward(self, params: PyTree, residuals: BatchNormResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, mean, rstd = residuals
        precise, g = x.astype(mean.dtype), dy.astype(mean.dtype)
        if self.relu:
            g = jnp.where(_affine(params, precise, mean, rstd) > 0, g, 0)
        rows = tuple(range(x.ndim - 1))
        # Σ g x̂ without x̂: XLA's fast sum on CPU takes products of stored arrays, and would store x - mean first (0.7 of
        # the time without). The difference is linear in mean / std: it loses no more than the rounding of x did.
        dshift = jnp.sum(g, rows)
        dscale = rstd * (jnp.sum(g * precise, rows) - mean * dshift)
        dparams = {"scale": dscale.astype(params["scale"].dtype), "shift": dshift.astype(params["shift"].dtype)}
        if self.train:
            # forward: mean and rstd are made of x too, so dx has no part along either
            count = self._count(x)
            mean_g, along = self._total(dshift) / count, self._total(dscale) / count
            g = g - mean_g - (precise - mean) * (rstd * along)
        return dparams, (params["scale"] * rstd * g).astype(x.dtype)

    def _moved(self, running: jax.Array, batch: jax.Array) -> jax.Array:
        return (self.momentum * running + (1 - self.momentum) * batch).astype(running.dtype)

    def _total(self, part: jax.Array) -> jax.Array:
        return part if self.axis_name is None else lax.psum(part, self.axis_name)

    def _count(self, x: jax.Array) -> int:
        """How many values of a channel the batch has, on all devices."""
        count = math.prod(x.shape[:-1])
        if self.axis_name is not None:
            try:
                count *= lax.axis_size(self.axis_name)
            except NameError as error:
                raise ValueError(
                    f"{self} runs where no axis has that name: call it under shard_map, pmap or vmap with axis_name; "
                    "parameters and state are made outside of it by eval_mode(model).init"
                ) from error
        if count < 2:
            raise ValueError(
                f"{self} in training tells a variance from two values of each channel or more, and an input of shape "
                f"{list(x.shape)} has {count}: use a larger batch, or eval_mode(model)"
            )
        return count


def _affine(params: PyTree, x: jax.Array, mean: jax.Array, rstd: jax.Array) -> jax.Array:
    # Not x k + (shift - mean k): the two terms cancel where the mean is large.
    return (x - mean) * (params["scale"] * rstd) + params["shift"]
