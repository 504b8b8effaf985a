"""What of a gradient is sent: a few of its numbers, or a few bits of each."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["Int8", "OneBit", "RandomK", "TopK"]


@dataclass(frozen=True)
class OneBit:
    """The sign of each number, times their mean size:   C(g) = mean|g| sign(g), with 1 for the sign of 0.

    A bit a number and one float.
    Error:    |C(g) - g|² = |g|² - (Σ|g|)² / n <= (1 - 1 / n) |g|²
    Source:   Karimireddy et al., 2019, arXiv:1901.09847, section 4 (scaled sign).
    """

    unbiased = False

    def error_bound(self, size: int) -> float:
        return 1 - 1 / max(size, 1)

    def __call__(self, gradient: jax.Array, key: jax.Array | None) -> jax.Array:
        g = _precise(gradient)
        mean = jnp.sum(jnp.abs(g)) / max(g.size, 1)
        return jnp.where(g >= 0, mean, -mean)


@dataclass(frozen=True)
class TopK:
    """The k = fraction n numbers of the largest size, and 0 for the others; k is rounded and 1 or more.

    Error:    |C(g) - g|² <= (1 - k / n) |g|²
    Raises:   ValueError if fraction is not in (0, 1].
    Source:   Stich, Cordonnier & Jaggi, 2018, arXiv:1809.07599, lemma A.1.
    """

    fraction: float
    unbiased = False

    def __post_init__(self) -> None:
        _require_fraction(self, self.fraction)

    def error_bound(self, size: int) -> float:
        return 1 - _kept(self.fraction, size) / size if size else 0.0

    def __call__(self, gradient: jax.Array, key: jax.Array | None) -> jax.Array:
        flat = gradient.ravel()
        _, places = lax.top_k(jnp.abs(flat), _kept(self.fraction, flat.size))
        return jnp.zeros_like(flat).at[places].set(flat[places]).reshape(gradient.shape)


@dataclass(frozen=True)
class RandomK:
    """k = fraction n numbers drawn by chance, times n / k, and 0 for the others:   E[C(g)] = g.

    Error:    E|C(g) - g|² = (n / k - 1) |g|²
    Raises:   ValueError if fraction is not in (0, 1].
    Source:   Stich, Cordonnier & Jaggi, 2018, arXiv:1809.07599, lemma A.1, made unbiased; Wangni et al., 2017,
              arXiv:1710.09854.
    """

    fraction: float
    unbiased = True

    def __post_init__(self) -> None:
        _require_fraction(self, self.fraction)

    def error_bound(self, size: int) -> float:
        return size / _kept(self.fraction, size) - 1 if size else 0.0

    def __call__(self, gradient: jax.Array, key: jax.Array | None) -> jax.Array:
        flat = _precise(gradient).ravel()
        kept = _kept(self.fraction, flat.size)
        # The places of the largest of n random numbers: a permutation sorts all n several times.
        _, places = lax.top_k(jax.random.uniform(_given(self, key), flat.shape), kept)
        scaled = flat[places] * (flat.size / max(kept, 1))
        return jnp.zeros_like(flat).at[places].set(scaled).reshape(gradient.shape)


@dataclass(frozen=True)
class Int8:
    """Whole numbers from -127 to 127, in units of max|g| / 127, rounded up or down by chance:   E[C(g)] = g.

    A byte a number and one float.
    Error:    |C(g) - g| < max|g| / 127 for each number,   E|C(g) - g|² <= n max|g|² / (4 · 127²)
    Source:   Alistarh et al., 2017, arXiv:1610.02132, section 3.1, with the largest number in the place of the norm.
    """

    unbiased = True

    def error_bound(self, size: int) -> float:
        return size / (4 * 127**2)

    def __call__(self, gradient: jax.Array, key: jax.Array | None) -> jax.Array:
        g = _precise(gradient)
        unit = jnp.max(jnp.abs(g), initial=0) / 127
        up = jax.random.uniform(_given(self, key), g.shape, g.dtype)
        whole = jnp.floor(g / jnp.where(unit == 0, 1, unit) + up)
        return jnp.clip(whole, -127, 127) * unit


def _precise(gradient: jax.Array) -> jax.Array:
    return gradient.astype(jnp.promote_types(gradient.dtype, jnp.float32))


def _kept(fraction: float, size: int) -> int:
    return max(min(size, 1), round(fraction * size))


def _given(compressor: RandomK | Int8, key: jax.Array | None) -> jax.Array:
    if key is None:
        raise ValueError(f"{compressor} draws at random: give it a key")
    return key


def _require_fraction(compressor: TopK | RandomK, fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ValueError(f"{type(compressor).__name__} keeps a fraction above 0 and at most 1, not {fraction!r}")
