"""Squeeze-and-excitation: channels weighted by what the whole image holds."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal
from backprop_jax.layers.activations import ReLU, Sigmoid
from backprop_jax.layers.dense import Dense
from backprop_jax.layers.elementwise import Elementwise

__all__ = ["SqueezeExcite"]


class SqueezeExciteResiduals(NamedTuple):
    x: jax.Array
    mean: jax.Array  # (B, C)
    hidden: jax.Array  # (B, F)


@dataclass(frozen=True)
class SqueezeExcite(Layer):
    """Each channel of an image times a weight that a small network makes of the means of all channels.

        y = x s,   s = gate(h w_e + b_e),   h = ReLU(mean(x) w_s + b_s),   the mean over the spatial axes

    Shapes:   x (B, *N, C) float -> y (B, *N, C).   State: none.
              Params: squeeze: w (C, F), b (F,);   excite: w (F, C), b (C,), with F = features.
    Saves:    x, and mean (B, C), h (B, F) in at least float32. Not s: it is one small product away.
    Backward: with the sums over the spatial axes and N elements in each:
                ds = Σ dy x;   dmean by the two dense layers, backwards;   dx = dy s + dmean / N
    Units:    features is C / r with the paper's reduction ratio r = 16; gate is Sigmoid() or, in MobileNetV3,
              HardSigmoid().
    Raises:   ValueError if features is less than 1, x is not floating point, has no spatial axes or no elements in
              them, or its number of channels is not that of the parameters; TypeError if gate is no elementwise layer.
    Source:   Hu, Shen & Sun, 2018, arXiv:1709.01507, eq. 2-4; Howard et al., 2019, arXiv:1905.02244.
    """

    features: int
    gate: Elementwise = Sigmoid()
    kernel_init: Initializer = lecun_normal()

    def __post_init__(self) -> None:
        if not isinstance(self.features, int) or self.features < 1:
            raise ValueError(f"SqueezeExcite needs a whole number of features, 1 or more, not {self.features!r}")
        if not isinstance(self.gate, Elementwise):
            raise TypeError(f"SqueezeExcite needs an elementwise layer as its gate, not {self.gate!r}")

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        self._require_images(x)
        squeeze_key, excite_key = jax.random.split(key)
        channels, width, dtype = x.shape[-1], self.features, jnp.promote_types(x.dtype, jnp.float32)
        return {
            "squeeze": {"w": self.kernel_init(squeeze_key, (channels, width), dtype), "b": jnp.zeros(width, dtype)},
            "excite": {"w": self.kernel_init(excite_key, (width, channels), dtype), "b": jnp.zeros(channels, dtype)},
        }, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, SqueezeExciteResiduals]:
        self._require_images(x)
        channels = params["squeeze"]["w"].shape[0]
        if x.shape[-1] != channels:
            raise ValueError(f"{self} was initialized for {channels} channels, but was given {list(x.shape)}")
        squeeze, excite = self._dense(channels)
        mean = jnp.mean(x, _spatial(x), dtype=jnp.promote_types(x.dtype, jnp.float32))
        hidden, _, _ = squeeze.forward(params["squeeze"], (), mean)
        hidden = jax.nn.relu(hidden)
        weights, _, _ = self.gate.forward((), (), excite.forward(params["excite"], (), hidden)[0])
        y = x * _spread(weights, x)
        dtype = jnp.result_type(x, params["excite"]["w"])
        return y.astype(dtype), state, SqueezeExciteResiduals(x, mean, hidden)

    def backward(self, params: PyTree, residuals: SqueezeExciteResiduals, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, mean, hidden = residuals
        squeeze, excite = self._dense(x.shape[-1])
        logits, _, _ = excite.forward(params["excite"], (), hidden)
        weights, _, saved_by_gate = self.gate.forward((), (), logits)
        # forward: y = x * weights
        dweights = jnp.sum(dy.astype(mean.dtype) * x, _spatial(x))
        # forward: weights = gate(hidden w + b)
        _, dlogits = self.gate.backward((), saved_by_gate, dweights)
        dexcite, dhidden = excite.backward(params["excite"], hidden, dlogits)
        # forward: hidden = relu(mean w + b), and what ReLU saves is its output
        _, dhidden = ReLU().backward((), hidden, dhidden)
        dsqueeze, dmean = squeeze.backward(params["squeeze"], mean, dhidden)
        # x is used twice: in the product and in the mean
        dx = dy * _spread(weights, x) + _spread(dmean / math.prod(x.shape[1:-1]), x)
        return {"squeeze": dsqueeze, "excite": dexcite}, dx.astype(x.dtype)

    def _dense(self, channels: int) -> tuple[Dense, Dense]:
        return Dense(self.features), Dense(channels)

    def _require_images(self, x: jax.Array) -> None:
        require_float(self, x, rank=3)
        if 0 in x.shape[1:]:
            raise ValueError(f"{self} needs at least one element on each axis but the batch's, not {list(x.shape)}")


def _spatial(x: jax.Array) -> tuple[int, ...]:
    return tuple(range(1, x.ndim - 1))


def _spread(vectors: jax.Array, x: jax.Array) -> jax.Array:
    """(B, C) so that it meets every place of x (B, *N, C)."""
    return jnp.expand_dims(vectors, _spatial(x))
