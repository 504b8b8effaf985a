"""The transposed convolution: the adjoint of a convolution, as a layer."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal, zeros
from backprop_jax.layers.convolution.geometry import (
    bare_window,
    first_params,
    freeze,
    pairs,
    require_border,
    require_channels,
    require_divisible,
    shortest,
    unwrap,
    wrap,
)
from backprop_jax.layers.convolution.patches import Patches
from backprop_jax.layers.convolution.products import convolve, gradients, input_gradient
from backprop_jax.layers.example_gradients import Rows
from backprop_jax.layers.windows import Padding, Window, per_axis, require_images, window_of

__all__ = ["ConvTranspose"]


@dataclass(frozen=True)
class ConvTranspose(Layer):
    """The adjoint of the convolution with these hyper-parameters: with a stride it makes images larger.

        y[i] = Σ_t x[o] w[t] + b over the o with i = o stride + t dilation - before

    Shapes:   x (B, *M, C) float -> y (B, *N, F), F = features.   State: none.
    Params:   w (*kernel_size, C, F / G), b (F,), G = feature_group_count; w is that of the convolution from F to C
              features with its last two axes exchanged, not flipped.
    Saves:    x.
    Backward: dx is the convolution of dy,   dw[t] = Σ_o x[o] dy[o stride + t dilation - before],
              db = Σ dy over all axes but the last
    Units:    N is M stride for padding "SAME" and "CIRCULAR", (M - 1) stride + extent for "VALID", and that - before -
              after + output_padding for numbers, where extent = (kernel_size - 1) dilation + 1 and output_padding tells
              apart the sizes that the convolution brings to the same M.
    Raises:   ValueError as for Conv, for an output_padding with a padding that is a name or not below stride or
              dilation, and for padding that leaves nothing.
    Source:   Zeiler, Krishnan, Taylor & Fergus, 2010, Deconvolutional networks; arXiv:1603.07285, chapter 4.
    """

    features: int
    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...] = 1
    padding: Padding = "SAME"
    output_padding: int | tuple[int, ...] = 0
    kernel_dilation: int | tuple[int, ...] = 1
    feature_group_count: int = 1
    use_bias: bool = True
    kernel_init: Initializer = lecun_normal()
    bias_init: Initializer = zeros()

    def __post_init__(self) -> None:
        freeze(self)
        more = per_axis("ConvTranspose", "output_padding", self.output_padding, len(self.kernel_size), least=0)
        object.__setattr__(self, "output_padding", shortest(more))
        window = bare_window(self)
        for extra, stride, dilation in zip(more, window.strides, window.dilation, strict=True):
            if extra and (isinstance(self.padding, str) or extra >= max(stride, dilation)):
                raise ValueError(
                    f"ConvTranspose needs padding by number for an output_padding, and one below the stride or the "
                    f"dilation, not {extra} with stride {stride}, dilation {dilation} and padding {self.padding!r}"
                )

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        require_images(self, x, len(self.kernel_size))
        groups = self.feature_group_count
        require_divisible(self, x)
        inputs, outputs = x.shape[-1] // groups, self.features // groups
        params = first_params(self, key, (*self.kernel_size, inputs, self.features), x.dtype)
        # Drawn as those of a Conv, for an output reads C / G channels; then each group goes with its channels.
        by_group = params["w"].reshape(*self.kernel_size, inputs, groups, outputs)
        return {**params, "w": jnp.swapaxes(by_group, -3, -2).reshape(*self.kernel_size, -1, outputs)}, ()

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_images(self, x, len(self.kernel_size))
        w = params["w"]
        require_channels(self, x, w.shape[-2])
        dtype = jnp.result_type(x, w)
        spatial, window = self._adjoint_of(x.shape[1:-1])
        y = input_gradient(x.astype(dtype), _swap(w, dtype), spatial, window, self.feature_group_count)
        y = unwrap(self, y)
        return (y + params["b"] if self.use_bias else y), state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, w = residuals, params["w"]
        _, window = self._adjoint_of(x.shape[1:-1])
        wrapped, kernel = wrap(self, dy), _swap(w, dy.dtype)
        # forward: y is the dx of a convolution. So dx is what the convolution makes of dy, and dy stands for its input.
        dx = convolve(wrapped, kernel, window, self.feature_group_count)
        _, dw = gradients(wrapped, kernel, x.astype(dy.dtype), window, self.feature_group_count)
        dparams = {"w": _swap(dw, w.dtype)}
        if self.use_bias:
            dparams["b"] = jnp.sum(dy, tuple(range(dy.ndim - 1))).astype(params["b"].dtype)
        return dparams, dx.astype(x.dtype)

    def backward_per_example(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x, w, groups = residuals, params["w"], self.feature_group_count
        _, window = self._adjoint_of(x.shape[1:-1])
        wrapped = wrap(self, dy)
        dparams: PyTree = {"w": Patches(wrapped, x.astype(dy.dtype), window, groups, True, w.dtype)}
        if self.use_bias:
            dparams["b"] = Rows.of(dy, params["b"].dtype)
        return dparams, convolve(wrapped, _swap(w, dy.dtype), window, groups).astype(x.dtype)

    def _adjoint_of(self, places: tuple[int, ...]) -> tuple[tuple[int, ...], Window]:
        """The lengths of y, with its circular border, and the window that has these places on them."""
        window, axes = bare_window(self), len(places)
        extents, name = window.extent, type(self).__name__
        if isinstance(self.padding, str) and self.padding != "VALID":
            spatial = tuple(count * stride for count, stride in zip(places, window.strides, strict=True))
            if self.padding == "SAME":
                return spatial, window_of(self, spatial, window.size, window.strides, "SAME", window.dilation)
            require_border(self, spatial)
            return tuple(length + extent - 1 for length, extent in zip(spatial, extents, strict=True)), window
        borders = window.padding if self.padding == "VALID" else pairs(self)
        more = per_axis(name, "output_padding", self.output_padding, axes, least=0)
        spatial = tuple(
            (count - 1) * stride + extent - sum(pair) + extra
            for count, stride, extent, pair, extra in zip(places, window.strides, extents, borders, more, strict=True)
        )
        if min(spatial) < 1:
            raise ValueError(f"{self} leaves nothing of an input with spatial axes {list(places)}: use less padding")
        # No window reads what output_padding adds, or there would be one more of them.
        padding = tuple((before, after - extra) for (before, after), extra in zip(borders, more, strict=True))
        return spatial, Window(window.size, window.strides, window.dilation, padding)


def _swap(w: jax.Array, dtype: jax.typing.DTypeLike) -> jax.Array:
    return jnp.swapaxes(w, -1, -2).astype(dtype)
