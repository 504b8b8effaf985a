"""The convolution layer."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal, zeros
from backprop_jax.layers.convolution.products import convolve, gradients
from backprop_jax.layers.windows import Padding, Window, pairs_of, per_axis, require_images, window_of

__all__ = ["Conv"]


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution over one, two or three spatial axes, as many as `kernel_size` has entries.

        y[b, o, f] = Σ_t Σ_c x[b, o stride + t dilation - before, c] w[t, c, f] + b[f]

    Shapes:   x (B, *N, C) float -> y (B, *M, F), F = features.   Params: w (*kernel_size, C/G, F), b (F,), with
              G = feature_group_count: each group of C/G channels gives F/G features; G = C is the depthwise one.
              State: none.
    Saves:    x.
    Backward: dx[i] = Σ_t dy[o] w[t]ᵀ over the o, t that read i,   dw[t] = Σ_o x[o stride + t dilation - before] dy[o]ᵀ,
              db = Σ dy over all axes but the last
    Units:    `padding` is "SAME" (ceil(N / stride) places), "VALID" (none), "CIRCULAR" (the other end of the axis, places
              as for SAME), or one number or pair (before, after) for each axis, in elements of zeros; `kernel_dilation`
              is the distance of two taps.
    Raises:   ValueError for hyper-parameters that are no sizes, channels or features that the groups do not divide, an
              input of another rank or number of channels, and a window larger than the padded input.
    Source:   LeCun et al., 1989, Neural Computation 1(4); Krizhevsky et al., 2012, for groups; Yu & Koltun, 2016,
              arXiv:1511.07122, for dilation.
    """

    features: int
    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...] = 1
    padding: Padding = "SAME"
    kernel_dilation: int | tuple[int, ...] = 1
    feature_group_count: int = 1
    use_bias: bool = True
    kernel_init: Initializer = lecun_normal()
    bias_init: Initializer = zeros()

    def __post_init__(self) -> None:
        pass

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_images(self, x, len(self.kernel_size))
        w_key, b_key = jax.random.split(key)
        dtype = jnp.promote_types(x.dtype, jnp.float32)
        shape = (*self.kernel_size, x.shape[-1] // self.feature_group_count, self.features)
        params = {"w": self.kernel_init(w_key, shape, dtype)}
        if self.use_bias:
            params["b"] = self.bias_init(b_key, (self.features,), dtype)
        return params, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        w = params["w"]
        dtype = jnp.result_type(x, w)
        y = convolve(x.astype(dtype), w.astype(dtype), self._window(x), self.feature_group_count)
        return (y + params["b"] if self.use_bias else y), state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, w = residuals, params["w"]
        dx, dw = gradients(x.astype(dy.dtype), w.astype(dy.dtype), dy, self._window(x), self.feature_group_count)
        dparams = {"w": dw.astype(w.dtype)}
        if self.use_bias:
            dparams["b"] = jnp.sum(dy, tuple(range(dy.ndim - 1))).astype(params["b"].dtype)
        return dparams, dx.astype(x.dtype)

    def _window(self, x: jax.Array) -> Window:
        rank = len(self.kernel_size)
        strides, dilation = (per_axis("Conv", "s", value, rank) for value in (self.strides, self.kernel_dilation))
        padding = pairs_of("Conv", self.padding, rank, ("SAME", "VALID"))
        return window_of(self, x.shape[1:-1], self.kernel_size, strides, padding, dilation)
