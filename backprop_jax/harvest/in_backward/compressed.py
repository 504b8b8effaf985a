"""Gradients that are compressed layer by layer."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax

from backprop_jax.combinators import with_backward
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.in_backward.of_one_layer import change_selected
from backprop_jax.harvest.in_backward.randomly_changed import RandomlyChanged
from backprop_jax.harvest.selecting import Selector

__all__ = ["Compressor", "compress_layers"]


@runtime_checkable
class Compressor(Protocol):
    """What of an array is sent, as it arrives: C(g).

    `unbiased` tells that E[C(g)] = g; one that is draws at random. `error_bound(n)` is what E|C(g) - g|² / |g|² is at
    most for an array of n numbers.
    """

    @property
    def unbiased(self) -> bool: ...

    def error_bound(self, size: int) -> float: ...

    def __call__(self, gradient: jax.Array, key: jax.Array | None) -> jax.Array: ...


def compress_layers(layer: Layer, selector: Selector, compressor: Compressor) -> Layer:
    """The layer in which the gradient of the selected layers' parameters is what a compressor leaves of it.

    Array by array, in the backward pass, so that what devices exchange afterwards is compressed already, each device's
    own part. `OneBit` and `TopK` have a bound on their error; `Int8` and `RandomK` are right in the mean and draw from
    a key in the state: give the selector before `init`. Nothing is carried over to the next step (error feedback). What
    goes on to the layers before is not changed.

    Raises:   TypeError if it is no compressor; ValueError if the selector means no layer, or one with a parameter of
              two uses.
    """
    if not isinstance(compressor, Compressor) or isinstance(compressor, type):
        raise TypeError(f"compress_layers takes a compressor, such as TopK(0.01), not {compressor!r}")
    if compressor.unbiased:
        drawn = Drawn(compressor)
        return change_selected("compress_layers", layer, selector, lambda part: RandomlyChanged(part, drawn))
    rule = Compressed(compressor)
    return change_selected("compress_layers", layer, selector, lambda part: with_backward(part, rule))


@dataclass(frozen=True)
class Drawn:
    """The rule of a compressor that draws."""

    compressor: Compressor

    def __call__(self, gradient: jax.Array, key: jax.Array, step: jax.Array) -> jax.Array:
        return self.compressor(gradient, key)


@dataclass(frozen=True)
class Compressed:
    """The rule of one that does not."""

    compressor: Compressor

    def __call__(self, layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dx = layer.backward(params, residuals, dy)
        return jax.tree.map(lambda leaf: self.compressor(leaf, None).astype(leaf.dtype), dparams), dx
