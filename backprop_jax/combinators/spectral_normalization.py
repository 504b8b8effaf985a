"""Spectral normalization: kernels divided by their largest singular value."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.kernels import kernels_of, require_kernels, with_kernels
from backprop_jax.combinators.reparameterize import Reparameterize
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["SpectralNorm", "divided", "spectral_norm"]

FIRST_STEPS = 15  # of the power iteration, from random vectors


def spectral_norm(layer: Layer, n_steps: int = 1) -> "SpectralNorm":
    """The layer with each of its kernels, `w`, divided by an estimate of its largest singular value.

    In train mode each call improves the estimate by `n_steps` steps of the power iteration; in eval mode it stays.
    """
    return SpectralNorm(layer, n_steps)


class SingularVectors(NamedTuple):
    u: jax.Array  # (F,)
    v: jax.Array  # (D,)


class SpectralNormState(NamedTuple):
    vectors: dict[str, SingularVectors]  # by the path of the kernel
    layer: PyTree


class SpectralNormResiduals(NamedTuple):
    vectors: dict[str, SingularVectors]
    layer: PyTree


@dataclass(frozen=True)
class SpectralNorm(Layer):
    """A layer whose kernels have a largest singular value of about one.

        y = f(params with w / σ for w),   σ = vᵀ w u
        and before that, n_steps times:   u = wᵀ v / ‖wᵀ v‖,   v = w u / ‖w u‖

    Every matrix or convolution kernel named `w` is divided. As a matrix it is (D, F): all axes but the last in one,
    for a convolution taps and channels.

    Params:   those of f.   State: that of f, and u (F,), v (D,) of every kernel, from 15 steps at the start.
    Saves:    what f saves, and u and v.
    Backward: that of `reparameterize` with u and v held constant:   dw = (dŵ - <dŵ, ŵ> v uᵀ) / σ,   ŵ = w / σ
    Raises:   ValueError if n_steps is less than 1, f has no kernels, or holds a `scan`, whose kernels have an axis for
              its steps.
    Source:   Miyato, Kataoka, Koyama & Yoshida, 2018, arXiv:1802.05957, eq. 8 and algorithm 1.
    """

    layer: Layer
    n_steps: int = 1
    train: bool = True

    def __post_init__(self) -> None:
        require_kernels("spectral_norm", self.layer)
        if not isinstance(self.n_steps, int) or self.n_steps < 1:
            raise ValueError(f"spectral_norm needs a whole number of steps, 1 or more, not {self.n_steps!r}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, SpectralNormState]:
        layer_key, key = jax.random.split(key)
        params, state = self.layer.init(layer_key, x)
        kernels = kernels_of(params)
        if not kernels:
            raise ValueError("spectral_norm found no kernel to divide: a parameter named w with two axes or more")
        keys = jax.random.split(key, len(kernels))
        vectors = {path: _random(each, w) for each, (path, w) in zip(keys, kernels.items(), strict=True)}
        return params, SpectralNormState(_improved(vectors, params, FIRST_STEPS), state)

    def forward(
        self, params: PyTree, state: SpectralNormState, x: PyTree
    ) -> tuple[PyTree, SpectralNormState, SpectralNormResiduals]:
        vectors = _improved(state.vectors, params, self.n_steps) if self.train else state.vectors
        y, layer_state, residuals = self._divided(vectors).forward(params, state.layer, x)
        return y, SpectralNormState(vectors, layer_state), SpectralNormResiduals(vectors, residuals)

    def backward(self, params: PyTree, residuals: SpectralNormResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        return self._divided(residuals.vectors).backward(params, residuals.layer, dy)

    def _divided(self, vectors: dict[str, SingularVectors]) -> Reparameterize:
        return Reparameterize(self.layer, partial(divided, vectors))


def divided(vectors: dict[str, SingularVectors], params: PyTree) -> PyTree:
    """The parameters with every kernel divided by its largest singular value, as these vectors tell it."""

    def divide(w: jax.Array, u: jax.Array, v: jax.Array) -> jax.Array:
        norm = v @ _matrix(w) @ u
        return (w / jnp.where(norm == 0, 1, norm)).astype(w.dtype)

    return with_kernels(params, {path: divide(w, *vectors[path]) for path, w in kernels_of(params).items()})


def _improved(vectors: dict[str, SingularVectors], params: PyTree, steps: int) -> dict[str, SingularVectors]:
    """The vectors after some steps of the power iteration, as constants."""

    def improve(w: jax.Array, start: SingularVectors) -> SingularVectors:
        matrix, (u, v) = _matrix(w), start
        for _ in range(steps):
            u = _unit(v @ matrix, u)
            v = _unit(matrix @ u, v)
        return SingularVectors(u.astype(start.u.dtype), v.astype(start.v.dtype))

    kernels = lax.stop_gradient(kernels_of(params))
    return {path: improve(w, vectors[path]) for path, w in kernels.items()}


def _unit(vector: jax.Array, otherwise: jax.Array) -> jax.Array:
    """The vector at length one. One of zeros, which no iteration could leave, gives way to the other."""
    norm = jnp.linalg.norm(vector)
    return jnp.where(norm > 0, vector / jnp.where(norm > 0, norm, 1), otherwise)


def _random(key: jax.Array, w: jax.Array) -> SingularVectors:
    u_key, v_key = jax.random.split(key)
    rows, columns = _matrix(w).shape
    u, v = jax.random.normal(u_key, (columns,), w.dtype), jax.random.normal(v_key, (rows,), w.dtype)
    return SingularVectors(u / jnp.linalg.norm(u), v / jnp.linalg.norm(v))


def _matrix(w: jax.Array) -> jax.Array:
    return w.astype(jnp.promote_types(w.dtype, jnp.float32)).reshape(-1, w.shape[-1])
