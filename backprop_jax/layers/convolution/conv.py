"""The convolution layer."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal, zeros
from backprop_jax.layers.convolution.geometry import (
    first_params,
    freeze,
    require_channels,
    require_divisible,
    unwrap,
    window_on,
    wrap,
)
from backprop_jax.layers.convolution.patches import Patches
from backprop_jax.layers.convolution.products import convolve, gradients, input_gradient
from backprop_jax.layers.example_gradients import Rows
from backprop_jax.layers.windows import Padding, require_images

__all__ = ["Conv"]


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution over one, two or three spatial axes, as many as `kernel_size` has entries.

        y[o] = Σ_t x[o stride + t dilation - before] w[t] + b

    Shapes:   x (B, *N, C) float -> y (B, *M, F), F = features.   State: none.
    Params:   w (*kernel_size, C / G, F), b (F,), G = feature_group_count: C / G channels give F / G features in each
              group; with G = C it is the depthwise convolution. w is not flipped: this is a correlation.
    Saves:    x.
    Backward: dx[i] = Σ_t dy[o] w[t]ᵀ over the o that read i by t,
              dw[t] = Σ_o x[o stride + t dilation - before]ᵀ dy[o],   db = Σ dy over all axes but the last
    Units:    `padding` is "SAME" (zeros, so that there are ceil(N / stride) places), "VALID" (none), "CIRCULAR" (from
              the other end of the axis, with as many places as SAME), or zeros by number: one for all sides, or one
              number or pair (before, after) for each axis. `kernel_dilation` is the distance of two taps.
    Raises:   ValueError for hyper-parameters that are no sizes, groups that do not divide channels and features, an
              input of another rank or number of channels, and a window larger than the padded input.
    Source:   LeCun et al., 1989, Neural Computation 1(4). Groups: Krizhevsky et al., 2012; dilation: Yu & Koltun, 2016,
              arXiv:1511.07122.
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
        freeze(self)

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_images(self, x, len(self.kernel_size))
        require_divisible(self, x)
        shape = (*self.kernel_size, x.shape[-1] // self.feature_group_count, self.features)
        return first_params(self, key, shape, x.dtype), ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_images(self, x, len(self.kernel_size))
        w, groups = params["w"], self.feature_group_count
        require_channels(self, x, w.shape[-2] * groups)
        dtype, wrapped = jnp.result_type(x, w), wrap(self, x)
        window = window_on(self, wrapped.shape[1:-1])
        y = convolve(wrapped.astype(dtype), w.astype(dtype), window, groups)
        return (y + params["b"] if self.use_bias else y), state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, w = wrap(self, residuals).astype(dy.dtype), params["w"]
        window = window_on(self, x.shape[1:-1])
        dx, dw = gradients(x, w.astype(dy.dtype), dy, window, self.feature_group_count)
        dparams = {"w": dw.astype(w.dtype)}
        if self.use_bias:
            dparams["b"] = jnp.sum(dy, tuple(range(dy.ndim - 1))).astype(params["b"].dtype)
        return dparams, unwrap(self, dx).astype(residuals.dtype)

    def backward_per_example(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, w, groups = wrap(self, residuals).astype(dy.dtype), params["w"], self.feature_group_count
        spatial = x.shape[1:-1]
        window = window_on(self, spatial)
        dparams: PyTree = {"w": Patches(x, dy, window, groups, False, w.dtype)}
        if self.use_bias:
            dparams["b"] = Rows.of(dy, params["b"].dtype)
        dx = input_gradient(dy, w.astype(dy.dtype), spatial, window, groups)
        return dparams, unwrap(self, dx).astype(residuals.dtype)
