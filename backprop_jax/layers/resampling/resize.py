"""Images of another size."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.resampling.interpolation import interpolate, interpolate_transpose, require_method
from backprop_jax.layers.windows import per_axis, require_images

__all__ = ["Resize", "Upsample"]


@dataclass(frozen=True)
class Resize(Layer):
    """The spatial axes at these lengths, each new element read from the old ones about its place.

        y[b, o] = Σ_i Π_a A_a[o_a, i_a] x[b, i]      with A_a the constant matrix of axis a, from N to M elements:

        nearest    o reads floor(o N / M)
        bilinear   o reads the two about its place, p = (o + 1/2) N / M - 1/2, in proportion; beyond an end, the end.
                   With align_corners p = o (N - 1) / (M - 1), so that the ends stay at the ends.

    As PyTorch's `interpolate` without antialiasing: when shrinking, elements that no place is near are skipped. (It
    takes floor of a float32 product, which for a few pairs N, M falls just below a whole number.)

    Shapes:   x (B, *N, C) float -> y (B, *shape, C), any number of spatial axes.   Params, state: none.
    Saves:    no array.
    Backward: dx = A_aᵀ dy along each axis a.
    Raises:   ValueError for a shape, method or align_corners that is none, and for an x of another number of axes or
              with an axis of length 0.
    """

    shape: tuple[int, ...]
    method: str = "nearest"
    align_corners: bool = False

    def __post_init__(self) -> None:
        require_method(self, self.method, self.align_corners)
        if not isinstance(self.shape, Sequence):
            raise ValueError(f"Resize needs the length of each spatial axis, as in (32, 32), not {self.shape!r}")
        shape = tuple(self.shape)  # a list would make the layer unhashable
        object.__setattr__(self, "shape", per_axis("Resize", "shape", shape, max(len(shape), 1)))

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        require_images(self, x, len(self.shape))
        _require_elements(self, x)
        return interpolate(x, self.shape, self.method, self.align_corners), state, Static(x.shape[1:-1])

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return (), interpolate_transpose(dy, residuals.value, self.method, self.align_corners)


@dataclass(frozen=True)
class Upsample(Layer):
    """The spatial axes longer by a whole factor: `Resize` for images of any size.

        y[b, o] = Σ_i Π_a A_a[o_a, i_a] x[b, i]      with A_a the matrix of `Resize` from N to scale_factor N elements

    Shapes:   x (B, *N, C) float -> y (B, *(scale_factor N), C).   Params, state: none.   Saves: no array.
    Backward: dx = A_aᵀ dy along each axis a; for nearest, the sum of dy over the copies.
    Units:    scale_factor is one number for all axes or one for each.
    Raises:   ValueError for a scale_factor, method or align_corners that is none, and for an x of another number of
              axes or with an axis of length 0.
    """

    scale_factor: int | tuple[int, ...]
    method: str = "nearest"
    align_corners: bool = False

    def __post_init__(self) -> None:
        require_method(self, self.method, self.align_corners)
        factors = tuple(self.scale_factor) if isinstance(self.scale_factor, Sequence) else self.scale_factor
        per_axis("Upsample", "scale_factor", factors, max(len(factors), 1) if isinstance(factors, tuple) else 1)
        object.__setattr__(self, "scale_factor", factors)

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        factors = self.scale_factor
        require_images(self, x, max(len(x.shape) - 2, 1) if isinstance(factors, int) else len(factors))
        _require_elements(self, x)
        factors = per_axis("Upsample", "scale_factor", factors, x.ndim - 2)
        lengths = tuple(length * factor for length, factor in zip(x.shape[1:-1], factors, strict=True))
        return interpolate(x, lengths, self.method, self.align_corners), state, Static(x.shape[1:-1])

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return (), interpolate_transpose(dy, residuals.value, self.method, self.align_corners)


def _require_elements(layer: Layer, x: jax.Array) -> None:
    if 0 in x.shape[1:-1]:
        raise ValueError(f"{layer} has nothing to read from an input of shape {list(x.shape)}: an axis is empty")
