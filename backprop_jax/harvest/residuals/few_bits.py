"""Activations that save a few bits of each element."""

from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.selecting import Selector, replace_selected
from backprop_jax.layers import GELU, ReLU, SiLU
from backprop_jax.layers.elementwise import Elementwise

__all__ = ["FewBits", "OneBitReLU", "few_bits"]


def few_bits(layer: Layer, bits: int = 4, selector: Selector = (ReLU, GELU, SiLU)) -> Layer:
    """The layer with `OneBitReLU` in place of each ReLU in it, and `FewBits` of GELU and SiLU.

    Another selector takes fewer of them, or other elementwise layers.

    Raises:   ValueError if there is none, and as `FewBits`.
    """

    def compressed(part: Layer) -> Layer:
        return OneBitReLU() if isinstance(part, ReLU) else FewBits(part, bits)

    return replace_selected(layer, selector, compressed)


@dataclass(frozen=True)
class OneBitReLU(Layer):
    """ReLU that saves one bit an element: for where the output is not saved by the next layer anyway.

        y = max(x, 0)

    Shapes:   x (...) float -> y (...).   Params, state: none.
    Saves:    whether x > 0, eight to a byte.   Backward: dx = dy where x > 0, else 0, exactly.
    Raises:   ValueError if x is not floating point.
    """

    error_bound = 0.0

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x)
        return jnp.maximum(x, 0), state, _pack((x > 0).astype(jnp.uint8), 1)

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return (), jnp.where(_unpack(residuals, 1, dy.shape) == 1, dy, 0)


@dataclass(frozen=True)
class FewBits(Layer):
    """An activation that saves of x only in which of 2^bits intervals it is; its derivative is taken as constant there.

        y = f(x)

    The intervals have equal parts of the variation of f', so that the constant in the middle of its values is off by
    `error_bound` at most, wherever x is.

    Shapes:   x (...) float -> y (...).   Params, state: none.   Saves: `bits` bits an element.
    Backward: dx = dy f'(the interval of x),   |dx - f'(x) dy| <= error_bound |dy|, but for the rounding of dx and
              within 2e-4 of a jump of f'. Where x is NaN y tells so, and dx does not.
    Raises:   ValueError if bits is not 1, 2, 4 or 8, or x is not floating point; TypeError if f acts not on elements.
    Source:   Novikov et al., 2022, arXiv:2202.00441, with another choice of intervals.
    """

    layer: Layer
    bits: int = 4

    def __post_init__(self) -> None:
        if self.bits not in (1, 2, 4, 8):
            raise ValueError(f"FewBits needs 1, 2, 4 or 8 bits, not {self.bits!r}")
        if not isinstance(self.layer, Elementwise):
            raise TypeError(f"FewBits takes an elementwise layer, such as GELU(), not {self.layer!r}")

    @property
    def error_bound(self) -> float:
        """The largest error of the derivative."""
        return _intervals(self.layer, self.bits)[2]

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        y, state, _ = self.layer.forward(params, state, x)
        edges, _, _ = _intervals(self.layer, self.bits)
        # Not searchsorted, whose loop is slow: the number of edges below x.
        precise = x.astype(jnp.float32)
        number = sum((precise > edge).astype(jnp.uint8) for edge in edges) if edges else jnp.zeros(x.shape, jnp.uint8)
        return y, state, _pack(jnp.asarray(number), self.bits)

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        _, slopes, _ = _intervals(self.layer, self.bits)
        slope = jnp.asarray(slopes, jnp.float32)[_unpack(residuals, self.bits, dy.shape)]
        return (), (slope * dy.astype(jnp.float32)).astype(dy.dtype)


@cache
def _intervals(layer: Layer, bits: int) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """The edges between the intervals, the derivative taken in each, and the largest error."""
    x = np.linspace(-16, 16, 200_001, dtype=np.float32)
    with jax.ensure_compile_time_eval():
        _, _, saved = layer.forward((), (), jnp.asarray(x))
        slope = np.asarray(layer.backward((), saved, jnp.ones_like(x))[1], np.float64)
    variation = np.concatenate([[0], np.cumsum(np.abs(np.diff(slope)))])
    whole = max(variation[-1], np.finfo(float).tiny)  # a constant derivative has none
    number = np.minimum((variation / whole * 2**bits).astype(int), 2**bits - 1)
    # A derivative that jumps leaves parts of its variation without an x.
    _, number = np.unique(number, return_inverse=True)
    parts = [slope[number == part] for part in range(number[-1] + 1)]
    middles = [(part.min() + part.max()) / 2 for part in parts]
    edges = x[1:][np.diff(number) > 0]
    # Between the points of the grid the derivative goes on by a step of it at most.
    within = [np.abs(np.diff(part)).max(initial=0) for part in parts]
    error = max((part.max() - part.min()) / 2 + step for part, step in zip(parts, within, strict=True))
    return tuple(map(float, edges)), tuple(map(float, middles)), float(error)


def _pack(numbers: jax.Array, bits: int) -> jax.Array:
    """Numbers below 2^bits, 8 / bits to a byte."""
    each = 8 // bits
    flat = numbers.ravel()
    flat = jnp.pad(flat, (0, -flat.size % each)).reshape(-1, each)
    shifts = jnp.arange(each, dtype=jnp.uint8) * bits
    return jnp.sum(flat << shifts, 1, dtype=jnp.uint8)


def _unpack(packed: jax.Array, bits: int, shape: tuple[int, ...]) -> jax.Array:
    shifts = jnp.arange(8 // bits, dtype=jnp.uint8) * bits
    numbers = (packed[:, None] >> shifts) & jnp.uint8(2**bits - 1)
    return numbers.ravel()[: int(np.prod(shape))].reshape(shape)
