"""Images with a border added or removed."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.windows import Pairs, require_images

__all__ = ["MODES", "Pad", "pad_axis", "pad_axis_transpose"]

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@dataclass(frozen=True)
class Pad(Layer):
    """A border around the spatial axes, or, where a width is negative, that many elements less.

        constant   v v | a b c d | v v        v = value
        edge       a a | a b c d | d d
        reflect    c b | a b c d | c b        at most one element less than the axis has
        symmetric  b a | a b c d | d c        at most as many as the axis has
        wrap       c d | a b c d | a b        at most as many as the axis has

    Each axis is cropped first and what is left is padded.

    Shapes:   x (B, *N, C) float -> y (B, *(before + N + after), C).   Params, state: none.   Saves: no array.
    Backward: dx = dy without the border, plus each element of the border where its copy was taken from; 0 for what was
              cropped.
    Units:    pad_width is one number for all sides, or one number or pair (before, after) for each spatial axis.
    Raises:   ValueError for a pad_width or mode that is none, a value with another mode, an x of another number of
              axes, and a border wider than the mode can fill or a crop that leaves nothing.
    """

    pad_width: int | Sequence[int | tuple[int, int]]
    mode: str = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"Pad needs a mode of {', '.join(MODES)}, not {self.mode!r}")
        if self.value and self.mode != "constant":
            raise ValueError(f"Pad fills with value={self.value} in mode 'constant' only, not in {self.mode!r}")
        if isinstance(self.pad_width, int):
            return
        widths = self.pad_width if isinstance(self.pad_width, Sequence) else ()
        pairs = tuple(tuple(width) if isinstance(width, Sequence) else (width, width) for width in widths)
        if not pairs or not all(len(pair) == 2 and all(isinstance(width, int) for width in pair) for pair in pairs):
            raise ValueError(f"Pad needs one whole number, or a number or pair for each axis, not {self.pad_width!r}")
        object.__setattr__(self, "pad_width", pairs)  # a list would make the layer unhashable

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, PyTree]:
        require_images(self, x, max(len(x.shape) - 2, 1) if isinstance(self.pad_width, int) else len(self.pad_width))
        y = x
        for axis, (before, after) in enumerate(self._pairs(x), start=1):
            self._require_room(x, axis, before, after)
            y = pad_axis(y, axis, before, after, self.mode, self.value)
        return y, state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        dx = dy
        for axis, (before, after) in enumerate(self._pairs(dy), start=1):
            dx = pad_axis_transpose(dx, axis, before, after, self.mode)
        return (), dx

    def _pairs(self, x: jax.Array) -> Pairs:
        width = self.pad_width
        return ((width, width),) * (x.ndim - 2) if isinstance(width, int) else width  # type: ignore[return-value]

    def _require_room(self, x: jax.Array, axis: int, before: int, after: int) -> None:
        left = x.shape[axis] + min(before, 0) + min(after, 0)
        if left < 1:
            raise ValueError(f"{self} leaves nothing of axis {axis} of an input of shape {list(x.shape)}")
        most = {"reflect": left - 1, "symmetric": left, "wrap": left}.get(self.mode)
        if most is not None and max(before, after) > most:
            raise ValueError(
                f"{self} can add at most {most} elements to axis {axis} of an input of shape {list(x.shape)}: "
                "use a narrower border or mode 'edge'"
            )


def pad_axis(x: jax.Array, axis: int, before: int, after: int, mode: str, value: float = 0.0) -> jax.Array:
    """`x` with a border along one axis, cropped where a width is negative."""
    if mode == "constant":
        return _pad(x, axis, before, after, value)
    x = _pad(x, axis, min(before, 0), min(after, 0))
    parts = [x]
    if before > 0:
        parts = [_border(x, axis, before, mode, at_end=False), *parts]
    if after > 0:
        parts = [*parts, _border(x, axis, after, mode, at_end=True)]
    return lax.concatenate(parts, axis)


def pad_axis_transpose(dy: jax.Array, axis: int, before: int, after: int, mode: str) -> jax.Array:
    """The adjoint of `pad_axis`."""
    dx = _pad(dy, axis, -max(before, 0), -max(after, 0))
    if mode != "constant":
        if before > 0:
            border = lax.slice_in_dim(dy, 0, before, axis=axis)
            dx += _border_transpose(border, axis, dx.shape[axis], mode, at_end=False)
        if after > 0:
            border = lax.slice_in_dim(dy, dy.shape[axis] - after, None, axis=axis)
            dx += _border_transpose(border, axis, dx.shape[axis], mode, at_end=True)
    return _pad(dx, axis, -min(before, 0), -min(after, 0))


def _border(x: jax.Array, axis: int, width: int, mode: str, at_end: bool) -> jax.Array:
    start, count = _source(x.shape[axis], width, mode, at_end)
    copied = lax.slice_in_dim(x, start, start + count, axis=axis)
    if mode == "edge":
        return jnp.broadcast_to(copied, (*x.shape[:axis], width, *x.shape[axis + 1 :]))
    return copied if mode == "wrap" else lax.rev(copied, (axis,))


def _border_transpose(border: jax.Array, axis: int, length: int, mode: str, at_end: bool) -> jax.Array:
    start, count = _source(length, border.shape[axis], mode, at_end)
    if mode == "edge":
        border = jnp.sum(border, axis, keepdims=True)
    elif mode != "wrap":
        border = lax.rev(border, (axis,))
    return _pad(border, axis, start, length - start - count)


def _source(length: int, width: int, mode: str, at_end: bool) -> tuple[int, int]:
    """Where on an axis the elements of a border come from: the first, and how many."""
    if mode == "edge":
        return (length - 1 if at_end else 0), 1
    if mode == "wrap":
        return (0 if at_end else length - width), width
    skipped = 1 if mode == "reflect" else 0
    return (length - width - skipped if at_end else skipped), width


def _pad(x: jax.Array, axis: int, before: int, after: int, value: float = 0.0) -> jax.Array:
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (before, after, 0)
    return lax.pad(x, jnp.asarray(value, x.dtype), widths)
