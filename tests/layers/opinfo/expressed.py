"""A sample of PyTorch's as one of our layers sees it, and how arrays change from its layout to ours."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import backprop_jax as bp

__all__ = ["Expressed", "Layout", "Tensor", "as_array", "flat", "images"]

Tensor = Any  # torch.Tensor: torch is imported by the test alone, and there are environments without it
Layout = Callable[[np.ndarray], np.ndarray]


class Expressed(NamedTuple):
    """Parameters that PyTorch was not given stay as our `init` makes them."""

    layer: bp.Layer
    x: Any  # a tensor, or a tuple of those that the layer takes together
    layout: Layout  # of each tensor of x, and of y
    params: dict[str, tuple[Tensor, Layout]] = {}  # noqa: RUF012
    running: dict[str, Tensor] = {}  # noqa: RUF012


def as_array(tensor: Tensor, layout: Layout) -> np.ndarray:
    """A copy of a tensor, in our layout."""
    return np.array(layout(tensor.detach().numpy()))


def flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1)


def images(axes: int) -> Layout:
    """From (B, C, *N), or (C, *N) without the batch axis, to (B, *N, C)."""

    def layout(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(array if array.ndim == axes + 2 else array[None], 1, -1)

    return layout
