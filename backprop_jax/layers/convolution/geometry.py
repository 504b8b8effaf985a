"""What the hyper-parameters of a convolution say about places, and the errors they cause."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer
from backprop_jax.layers.resampling.pad import pad_axis, pad_axis_transpose
from backprop_jax.layers.windows import Pairs, Window, pairs_of, per_axis, window_of

__all__ = [
    "bare_window",
    "first_params",
    "freeze",
    "pairs",
    "require_border",
    "require_channels",
    "require_divisible",
    "shortest",
    "unwrap",
    "window_on",
    "wrap",
]

PADDINGS = ("SAME", "VALID", "CIRCULAR")


def freeze(layer: Any) -> None:
    """Check the hyper-parameters that all convolutions have, and make of lists the tuples that a value needs."""
    name, size = type(layer).__name__, layer.kernel_size
    if not isinstance(layer.features, int) or layer.features < 1:
        raise ValueError(f"{name} needs a whole number of features, 1 or more, not {layer.features!r}")
    if isinstance(size, int) or not isinstance(size, Sequence) or not 1 <= len(size) <= 3:
        raise ValueError(f"{name} needs a kernel_size with one number for each of 1 to 3 spatial axes, not {size!r}")
    object.__setattr__(layer, "kernel_size", per_axis(name, "kernel_size", size, len(size)))
    for field in ("strides", "kernel_dilation"):
        object.__setattr__(layer, field, shortest(per_axis(name, field, getattr(layer, field), len(size))))
    padding = pairs_of(name, layer.padding, len(size), PADDINGS)
    if not isinstance(padding, str):
        padding = shortest(tuple(map(shortest, padding)))
    object.__setattr__(layer, "padding", padding)
    groups = layer.feature_group_count
    if not isinstance(groups, int) or groups < 1 or layer.features % groups:
        raise ValueError(
            f"{name} needs a feature_group_count that divides its {layer.features} features, not {groups!r}"
        )


def shortest(values: tuple) -> Any:
    """One value for all where they are equal, so that equal arguments make equal layers."""
    return values[0] if len(set(values)) == 1 and isinstance(values[0], int) else values


def first_params(layer: Any, key: jax.Array, shape: tuple[int, ...], dtype: jax.typing.DTypeLike) -> dict:
    """w of this shape and b, in at least float32."""
    w_key, b_key = jax.random.split(key)
    dtype = jnp.promote_types(dtype, jnp.float32)
    params = {"w": layer.kernel_init(w_key, shape, dtype)}
    if layer.use_bias:
        params["b"] = layer.bias_init(b_key, (layer.features,), dtype)
    return params


def require_divisible(layer: Any, x: jax.Array) -> None:
    """ValueError unless the groups divide the channels of `x`, and there are any."""
    groups, channels = layer.feature_group_count, x.shape[-1]
    if channels == 0 or channels % groups:
        raise ValueError(
            f"{layer} needs a number of channels that feature_group_count={groups} divides, 1 or more, but was given "
            f"{list(x.shape)}"
        )


def require_channels(layer: Any, x: jax.Array, channels: int) -> None:
    """ValueError unless `x` has as many channels as the weights were made for."""
    if x.shape[-1] != channels:
        raise ValueError(f"{layer} was initialized for inputs of {channels} channels, but was given {list(x.shape)}")


def bare_window(layer: Any) -> Window:
    """The window without padding."""
    axes = len(layer.kernel_size)
    strides, dilation = (
        per_axis(type(layer).__name__, "strides", value, axes) for value in (layer.strides, layer.kernel_dilation)
    )
    return Window(layer.kernel_size, strides, dilation, ((0, 0),) * axes)


def pairs(layer: Any) -> Pairs:
    """Padding by number, as (before, after) for each axis."""
    given = pairs_of(type(layer).__name__, layer.padding, len(layer.kernel_size), PADDINGS)
    if isinstance(given, str):
        raise TypeError(f"padding {given!r} is no number")
    return given


def window_on(layer: Any, spatial: Sequence[int]) -> Window:
    """The window on an input of these lengths; for circular padding, of these lengths with the border."""
    bare = bare_window(layer)
    padding = "VALID" if layer.padding == "CIRCULAR" else pairs_of("", layer.padding, len(bare.size), PADDINGS)
    return window_of(layer, spatial, bare.size, bare.strides, padding, bare.dilation)


def require_border(layer: Any, spatial: Sequence[int]) -> None:
    """ValueError if circular padding would be longer than one of these axes."""
    for axis, (length, pads) in enumerate(zip(spatial, _border(layer), strict=True), start=1):
        if max(pads) > length:
            raise ValueError(
                f"{layer} wraps {max(pads)} elements around axis {axis}, which has {length}: use a smaller kernel or "
                "larger inputs"
            )


def wrap(layer: Layer, x: jax.Array) -> jax.Array:
    """`x` with the border of circular padding, from the other end of each axis."""
    require_border(layer, x.shape[1:-1])
    for axis, (before, after) in enumerate(_border(layer), start=1):
        x = pad_axis(x, axis, before, after, "wrap")
    return x


def unwrap(layer: Layer, dx: jax.Array) -> jax.Array:
    """The adjoint of `wrap`."""
    for axis, (before, after) in enumerate(_border(layer), start=1):
        dx = pad_axis_transpose(dx, axis, before, after, "wrap")
    return dx


def _border(layer: Any) -> Pairs:
    if layer.padding != "CIRCULAR":
        return ((0, 0),) * len(layer.kernel_size)
    return tuple(((extent - 1) // 2, extent // 2) for extent in bare_window(layer).extent)
