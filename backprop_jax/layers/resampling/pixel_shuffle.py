"""Channels for space: each the inverse of the other, and so its adjoint."""

from dataclasses import dataclass

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.windows import require_images, require_whole

__all__ = ["PixelShuffle", "PixelUnshuffle"]


@dataclass(frozen=True)
class PixelShuffle(Layer):
    """Channels laid out in space: r channels of a pixel become r pixels along each of the n spatial axes.

        y[b, r i + k, c] = x[b, i, c rⁿ + k]     k in [0, r)ⁿ, its first component the slowest, as in PyTorch

    Shapes:   x (B, *N, C rⁿ) float -> y (B, *(r N), C), r = upscale_factor.   Params, state: none.   Saves: no array.
    Backward: dx = PixelUnshuffle(r) of dy: a permutation's transpose is its inverse.
    Raises:   ValueError if upscale_factor is no whole number of 1 or more, x has no spatial axes, or rⁿ does not
              divide its channels.
    Source:   Shi et al., 2016, arXiv:1609.05158, eq. 4.
    """

    upscale_factor: int

    def __post_init__(self) -> None:
        require_whole("PixelShuffle", "upscale_factor", self.upscale_factor)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, PyTree]:
        axes = max(len(x.shape) - 2, 1)
        require_images(self, x, axes)
        if x.shape[-1] % self.upscale_factor**axes:
            raise ValueError(
                f"{self} makes {self.upscale_factor**axes} channels of an input into one, and the {x.shape[-1]} of "
                f"{list(x.shape)} are not a multiple of that"
            )
        return _shuffle(x, self.upscale_factor), state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return (), _unshuffle(dy, self.upscale_factor)


@dataclass(frozen=True)
class PixelUnshuffle(Layer):
    """Space laid out in channels: r pixels along each of the n spatial axes become rⁿ channels of one.

        y[b, i, c rⁿ + k] = x[b, r i + k, c]     k in [0, r)ⁿ, its first component the slowest, as in PyTorch

    Shapes:   x (B, *(r N), C) float -> y (B, *N, C rⁿ), r = downscale_factor.   Params, state: none.   Saves: no array.
    Backward: dx = PixelShuffle(r) of dy: a permutation's transpose is its inverse.
    Raises:   ValueError if downscale_factor is no whole number of 1 or more, x has no spatial axes, or r does not
              divide their lengths.
    """

    downscale_factor: int

    def __post_init__(self) -> None:
        require_whole("PixelUnshuffle", "downscale_factor", self.downscale_factor)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, PyTree]:
        require_images(self, x, max(len(x.shape) - 2, 1))
        if any(length % self.downscale_factor for length in x.shape[1:-1]):
            raise ValueError(
                f"{self} needs spatial axes whose lengths are multiples of {self.downscale_factor}, "
                f"not those of {list(x.shape)}: pad or crop them with Pad"
            )
        return _unshuffle(x, self.downscale_factor), state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return (), _shuffle(dy, self.downscale_factor)


def _shuffle(x: jax.Array, factor: int) -> jax.Array:
    batch, *spatial, channels = x.shape
    axes = len(spatial)
    split = x.reshape(batch, *spatial, channels // factor**axes, *(factor,) * axes)
    pairs = [place for axis in range(1, axes + 1) for place in (axis, axis + axes + 1)]
    return split.transpose(0, *pairs, axes + 1).reshape(batch, *(n * factor for n in spatial), channels // factor**axes)


def _unshuffle(x: jax.Array, factor: int) -> jax.Array:
    batch, *spatial, channels = x.shape
    axes = len(spatial)
    small = [length // factor for length in spatial]
    split = x.reshape(batch, *(part for length in small for part in (length, factor)), channels)
    coarse, fine = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
    return split.transpose(0, *coarse, 2 * axes + 1, *fine).reshape(batch, *small, channels * factor**axes)
