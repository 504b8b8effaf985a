"""The three products of a convolution, each in the form that is fast where it runs.

XLA's convolution for CPUs mostly uses one thread, and a loop without vectors for weight gradients, groups and kernels
of one pixel; its matrix product uses all threads. So on CPUs convolutions become matrix products and sums over taps.
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import PyTree
from backprop_jax.layers.convolution import depthwise, native, phases, strips
from backprop_jax.layers.convolution.blocks import blocks_for
from backprop_jax.layers.windows import Window

__all__ = ["convolve", "gradients", "input_gradient"]

# With fewer channels than NARROW, matrix products are slower than XLA's convolution, if a window has ENOUGH numbers.
NARROW, ENOUGH = 32, 64


# Both under jit, so that the equal convolutions of a model are traced and lowered once.


@partial(jax.jit, static_argnums=(2, 3))
def convolve(x: jax.Array, w: jax.Array, window: Window, groups: int) -> jax.Array:
    """y."""
    on_cpu = partial(_precisely, partial(_convolve_on_cpu, window=window, groups=groups))
    elsewhere = partial(native.convolve, window=window, groups=groups)
    return lax.platform_dependent(x, w, cpu=on_cpu, default=elsewhere)


@partial(jax.jit, static_argnums=(3, 4))
def gradients(x: jax.Array, w: jax.Array, dy: jax.Array, window: Window, groups: int) -> tuple[jax.Array, jax.Array]:
    """dx and dw."""
    on_cpu = partial(_precisely, partial(_gradients_on_cpu, window=window, groups=groups))
    elsewhere = partial(_native_gradients, window=window, groups=groups)
    return lax.platform_dependent(x, w, dy, cpu=on_cpu, default=elsewhere)


def input_gradient(dy: jax.Array, w: jax.Array, spatial: tuple[int, ...], window: Window, groups: int) -> jax.Array:
    """dx alone, for x of these lengths: the convolution's adjoint."""
    x = jnp.zeros((len(dy), *spatial, w.shape[-2] * groups), dy.dtype)  # only dw reads it, which XLA drops
    return gradients(x, w, dy, window, groups)[0]


def _precisely(form: Callable[..., PyTree], *arrays: jax.Array) -> PyTree:
    """Half precision in float32, rounded once: the forms for CPUs add up taps and images one after the other."""
    dtype = jnp.result_type(*arrays)
    results = form(*(array.astype(jnp.promote_types(dtype, jnp.float32)) for array in arrays))
    return jax.tree.map(lambda result: result.astype(dtype), results)


def _native_gradients(
    x: jax.Array, w: jax.Array, dy: jax.Array, window: Window, groups: int
) -> tuple[jax.Array, jax.Array]:
    dx = native.input_gradient(dy, w, x.shape[1:-1], window, groups)
    return dx, native.weight_gradient(x, dy, window, groups)


def _convolve_on_cpu(x: jax.Array, w: jax.Array, window: Window, groups: int) -> jax.Array:
    if groups == x.shape[-1] and groups > 1:
        return depthwise.convolve(x, w, window)
    if groups > 1:
        form = jax.vmap(partial(_convolve_on_cpu, window=window, groups=1), -2, -2)
        return _join(form(_by_group(x, groups), _by_group(w, groups)))
    if max(window.size) > 1 and min(w.shape[-2:]) < NARROW and math.prod(w.shape[:-1]) >= ENOUGH:
        return native.convolve(x, w, window, groups)
    blocks = blocks_for(x.shape[1:-1], window, w.shape[-2])
    if blocks:
        return blocks.convolve(strips.convolve, x, w, window)
    return phases.convolve(strips.convolve, x, w, window)


def _by_group(array: jax.Array, groups: int) -> jax.Array:
    """The last axis, of the weights too, in groups along the last but one."""
    return array.reshape(*array.shape[:-1], groups, array.shape[-1] // groups)


def _join(array: jax.Array) -> jax.Array:
    return array.reshape(*array.shape[:-2], array.shape[-2] * array.shape[-1])


def _gradients_on_cpu(
    x: jax.Array, w: jax.Array, dy: jax.Array, window: Window, groups: int
) -> tuple[jax.Array, jax.Array]:
    if groups == x.shape[-1] and groups > 1:
        return phases.gradients(depthwise.gradients, x, w, dy, window)
    if groups > 1:
        form = jax.vmap(partial(_gradients_on_cpu, window=window, groups=1), -2, -2)
        dx, dw = form(_by_group(x, groups), _by_group(w, groups), _by_group(dy, groups))
        return _join(dx), _join(dw)
    blocks = blocks_for(x.shape[1:-1], window, w.shape[-2])
    if blocks:
        return blocks.gradients(strips.gradients, x, w, dy)
    return phases.gradients(strips.gradients, x, w, dy, window)
