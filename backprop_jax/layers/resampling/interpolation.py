"""An axis read at other places: a constant matrix, with few entries in a row."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.core.layer import Layer

__all__ = ["METHODS", "interpolate", "interpolate_transpose", "interpolation_matrix", "require_method"]

METHODS = ("nearest", "bilinear")

# Reads of one element each, in one fused loop, against a matmul: on CPU 0.6 and 3.5 ms at the 4 reads of the backward
# of doubling 32 x 32 x 64, and still ahead at 32; beyond that compiling them takes longer than it saves.
MOST_READS = 32


def interpolate(x: jax.Array, lengths: tuple[int, ...], method: str, align_corners: bool) -> jax.Array:
    """`x` (B, *N, C) at these lengths of its spatial axes, computed in at least float32."""
    y = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    for axis, length in enumerate(lengths, start=1):
        y = _apply(interpolation_matrix(x.shape[axis], length, method, align_corners), y, axis)
    return y.astype(x.dtype)


def interpolate_transpose(dy: jax.Array, lengths: tuple[int, ...], method: str, align_corners: bool) -> jax.Array:
    """The adjoint of `interpolate` from these lengths to those of `dy`."""
    dx = dy.astype(jnp.promote_types(dy.dtype, jnp.float32))
    for axis, length in enumerate(lengths, start=1):
        dx = _apply(interpolation_matrix(length, dy.shape[axis], method, align_corners).T, dx, axis)
    return dx.astype(dy.dtype)


def interpolation_matrix(length: int, new_length: int, method: str, align_corners: bool) -> np.ndarray:
    """How much each new element (a row) takes of each old one (a column). Rows sum to 1."""
    new = np.arange(new_length)
    matrix = np.zeros((new_length, length))
    if method == "nearest":
        matrix[new, new * length // new_length] = 1
        return matrix
    if align_corners:
        places = new * (length - 1) / max(new_length - 1, 1)
    else:
        places = np.maximum((new + 0.5) * length / new_length - 0.5, 0)
    left = np.minimum(np.floor(places).astype(int), length - 1)
    np.add.at(matrix, (new, left), 1 - (places - left))
    np.add.at(matrix, (new, np.minimum(left + 1, length - 1)), places - left)
    return matrix


def require_method(layer: Layer, method: str, align_corners: bool) -> None:
    """ValueError unless the method is a known one for which corners can be aligned."""
    name = type(layer).__name__
    if method not in METHODS:
        raise ValueError(f"{name} needs a method of {' or '.join(map(repr, METHODS))}, not {method!r}")
    if align_corners and method == "nearest":
        raise ValueError(f"{name} has corners to align for method='bilinear' only, not for 'nearest'")


def _apply(matrix: np.ndarray, x: jax.Array, axis: int) -> jax.Array:
    """The matrix applied along one axis."""
    reads = int(np.count_nonzero(matrix, axis=1).max())
    if reads > MOST_READS:
        product = jnp.tensordot(matrix.astype(x.dtype), x, (1, axis), precision=lax.Precision.HIGHEST)
        return jnp.moveaxis(product, 0, axis)
    columns = np.argsort(matrix == 0, axis=1, kind="stable")[:, :reads]  # those with an entry come first
    weights = np.take_along_axis(matrix, columns, 1)
    weights = weights.astype(x.dtype).reshape(*weights.shape, *(1,) * (x.ndim - axis - 1))

    def term(read: int) -> jax.Array:
        weight = weights[:, read]
        # A row with fewer entries reads what it is not made of: 0 times an infinite element would be a NaN.
        return jnp.where(weight != 0, jnp.take(x, columns[:, read], axis, mode="clip") * weight, 0)

    return sum(map(term, range(reads)), start=jnp.zeros((), x.dtype))
