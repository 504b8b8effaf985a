"""The three products of a convolution as XLA's own convolutions: what GPUs and TPUs have kernels for.

With x (B, *N, C), w (*K, C/G, F) and y (B, *M, F), on each spatial axis and within each of the G groups:

    y[o] = Σ_t x[o stride + t dilation - before] w[t]

`w` is not flipped: as everywhere in deep learning this is a correlation.
"""

import jax
from jax import lax

from backprop_jax.layers.windows import Window

__all__ = ["convolve", "input_gradient", "weight_gradient"]


def convolve(x: jax.Array, w: jax.Array, window: Window, groups: int) -> jax.Array:
    """y."""
    axes = _axes(window)
    return lax.conv_general_dilated(
        x,
        w,
        window.strides,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
        feature_group_count=groups,
    )


def input_gradient(dy: jax.Array, w: jax.Array, spatial: tuple[int, ...], window: Window, groups: int) -> jax.Array:
    """dx[i] = Σ_t dy[o] w[t], i = o stride + t dilation - before: dy spread out by the stride, w flipped."""
    axes, rank = _axes(window), len(window.size)
    taps, (inputs, outputs) = w.shape[:rank], w.shape[rank:]
    by_group = w.reshape(*taps, inputs, groups, outputs // groups)
    swapped = by_group.transpose(*range(rank), rank + 2, rank + 1, rank).reshape(*taps, outputs // groups, -1)
    return lax.conv_general_dilated(
        dy,
        lax.rev(swapped, range(rank)),
        (1,) * rank,
        window.adjoint_padding(spatial),
        lhs_dilation=window.strides,
        rhs_dilation=window.dilation,
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
        feature_group_count=groups,
    )


def weight_gradient(x: jax.Array, dy: jax.Array, window: Window, groups: int) -> jax.Array:
    """dw[t] = Σ_o x[o stride + t dilation - before] dy[o]: dy is the window, batch and channels change places."""
    axes = _axes(window)
    spread = [(places - 1) * stride + 1 for places, stride in zip(dy.shape[1:-1], window.strides, strict=True)]
    padding = [
        (before, extent - 1 + wide - length - before)
        for extent, (before, _), length, wide in zip(window.extent, window.padding, x.shape[1:-1], spread, strict=True)
    ]
    return lax.conv_general_dilated(
        x,
        dy,
        window.dilation,
        padding,
        rhs_dilation=window.strides,
        dimension_numbers=(f"C{axes}N", f"I{axes}O", f"{axes}NC"),
        batch_group_count=groups,
    )


def _axes(window: Window) -> str:
    return "DHW"[-len(window.size) :]
