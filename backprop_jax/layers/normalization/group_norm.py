"""Group and instance normalization: each example by itself, over space and a group of channels."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.normalization.checks import require_eps, require_width

__all__ = ["GroupNorm", "InstanceNorm"]


class GroupNormResiduals(NamedTuple):
    x: jax.Array
    mean: jax.Array  # (B, G)
    rstd: jax.Array  # (B, G)


@dataclass(frozen=True)
class GroupNorm(Layer):
    """Each group of channels of each example normalized to zero mean and unit variance, then scaled and shifted.

        y = scale x̂ + shift,   x̂ = (x - mean) rstd,   rstd = 1 / sqrt(var + eps)

    Shapes:   x (B, *N, C) float -> y (B, *N, C).   Params: scale (C,), shift (C,).   State: none.
              mean and var (B, G) are over N and the C/G neighbouring channels of a group, G = num_groups.
    Saves:    x, and mean, rstd (B, G) in at least float32.
    Backward: with g = scale dy:   dscale = Σ dy x̂,   dshift = Σ dy,
                dx = rstd (g - mean(g) - x̂ mean(g x̂)), these means over N and the channels of a group too
    Units:    eps is added to a variance.
    Raises:   ValueError if num_groups is no number from 1 on that divides C, eps is negative, x is not floating point,
              has fewer than two axes, its width is not that of scale, or if a group has one value alone.
    Source:   Wu & He, 2018, arXiv:1803.08494.
    """

    num_groups: int = 32
    eps: float = 1e-5

    def __post_init__(self) -> None:
        require_eps(self, self.eps)
        groups = self.num_groups
        if not isinstance(groups, int) or isinstance(groups, bool) or groups < 1:
            raise ValueError(f"GroupNorm needs a whole number of groups, 1 or more, not {groups!r}")

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=2)
        dtype = jnp.promote_types(x.dtype, jnp.float32)
        return {"scale": jnp.ones(x.shape[-1:], dtype), "shift": jnp.zeros(x.shape[-1:], dtype)}, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, GroupNormResiduals]:
        require_float(self, x, rank=2)
        require_width(self, params, x)
        self._require_groups(x)
        precise = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        mean = self._group_mean(_over_space(precise), x)
        centered = precise - self._spread(mean, x)
        rstd = lax.rsqrt(self._group_mean(_over_space(centered * centered), x) + self.eps)
        residuals = GroupNormResiduals(x, mean, rstd)
        return self.output_again(params, residuals), state, residuals

    def output_again(self, params: PyTree, residuals: GroupNormResiduals) -> jax.Array:
        """y, from what is saved: the layer after this one need not save its input."""
        x = residuals.x
        mean, rstd = self._spread(residuals.mean, x), self._spread(residuals.rstd, x)
        y = (x.astype(mean.dtype) - mean) * (rstd * params["scale"]) + params["shift"]
        return y.astype(jnp.result_type(x, params["scale"]))

    def backward(self, params: PyTree, residuals: GroupNormResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, scale = residuals.x, params["scale"]
        precise, dy = x.astype(residuals.mean.dtype), dy.astype(residuals.mean.dtype)
        mean, rstd = self._spread(residuals.mean, x), self._spread(residuals.rstd, x)
        # Sums over space alone: those over examples and those over groups are both made of them. Σ dy x̂ is written as
        # in BatchNorm.
        sum_dy = _over_space(dy)
        sum_dy_normalized = rstd * (_over_space(dy * precise) - mean * sum_dy)
        rows = tuple(range(x.ndim - 1))
        dparams = {
            "scale": jnp.sum(sum_dy_normalized, rows).astype(scale.dtype),
            "shift": jnp.sum(sum_dy, rows).astype(params["shift"].dtype),
        }
        # forward: mean and rstd are made of x too, so dx has no part along either
        mean_g = self._spread(self._group_mean(scale * sum_dy, x), x)
        along = self._spread(self._group_mean(scale * sum_dy_normalized, x), x)
        dx = rstd * (scale * dy - mean_g - (precise - mean) * (rstd * along))
        return dparams, dx.astype(x.dtype)

    def _group_mean(self, sums: jax.Array, x: jax.Array) -> jax.Array:
        """Means (B, G) over the groups of x, from its sums over space."""
        channels = sums.reshape(x.shape[0], self.num_groups, x.shape[-1] // self.num_groups)
        return jnp.sum(channels, -1) / (math.prod(x.shape[1:]) // self.num_groups)

    def _spread(self, statistic: jax.Array, x: jax.Array) -> jax.Array:
        """A statistic (B, G) for each channel, in the form of a sum of x over space."""
        channels = jnp.repeat(statistic, x.shape[-1] // self.num_groups, axis=-1)
        return channels.reshape(x.shape[0], *(1,) * (x.ndim - 2), x.shape[-1])

    def _require_groups(self, x: jax.Array) -> None:
        groups, found = self.num_groups, list(x.shape)
        if x.shape[-1] % groups:
            raise ValueError(f"{self} cannot divide the {x.shape[-1]} channels of {found} into {groups} groups")
        values = math.prod(x.shape[1:]) // groups
        if values < 2:
            raise ValueError(
                f"{self} would make a constant of an input of shape {found}: a group needs two values of an example or "
                f"more, not {values}; use fewer groups or larger images"
            )


@dataclass(frozen=True)
class InstanceNorm(Layer):
    """Each channel of each example normalized to zero mean and unit variance, then scaled and shifted.

    It is GroupNorm with as many groups as channels: its formulas, what it saves, its backward, its errors.

    Shapes:   x (B, *N, C) float -> y (B, *N, C).   Params: scale (C,), shift (C,).   State: none.
    Saves:    x, and mean, rstd (B, C) in at least float32.
    Units:    eps is added to a variance.
    Source:   Ulyanov, Vedaldi & Lempitsky, 2016, arXiv:1607.08022.
    """

    eps: float = 1e-5

    def __post_init__(self) -> None:
        require_eps(self, self.eps)

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_float(self, x, rank=2)
        return self._of_groups(x).init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, GroupNormResiduals]:
        require_float(self, x, rank=2)
        return self._of_groups(x).forward(params, state, x)

    def output_again(self, params: PyTree, residuals: GroupNormResiduals) -> jax.Array:
        """y, from what is saved: the layer after this one need not save its input."""
        return self._of_groups(residuals.x).output_again(params, residuals)

    def backward(self, params: PyTree, residuals: GroupNormResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return self._of_groups(residuals.x).backward(params, residuals, dy)

    def _of_groups(self, x: jax.Array) -> GroupNorm:
        return GroupNorm(x.shape[-1], self.eps)


def _over_space(x: jax.Array) -> jax.Array:
    return jnp.sum(x, tuple(range(1, x.ndim - 1)), keepdims=True)
