"""What an augmentation is, and how several are chained."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

__all__ = ["Augmentation", "compose", "require_images"]

Augmentation = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
"""`(key, x, y) -> (x, y)` on a batch: the shape and dtype of x stay, and so do those of y except in `soft_labels`.

Pure: the same key gives the same batch. Every image has draws of its own. Any such function will do; those of this
package are values, compiled once for each shape and each setting. In what follows:

    x (B, H, W, C) float, H and W in pixels;   y (B,) integer classes, or (B, V) float distributions over V classes
"""


@dataclass(frozen=True, init=False, repr=False)
class compose:
    """Augmentations one after another, each with a key of its own.

        x, y = a(key₁, x, y);   x, y = b(key₂, x, y);   …

    Shapes:   those of the members.
    Raises:   TypeError for a member that cannot be called.
    """

    augmentations: tuple[Augmentation, ...]

    def __init__(self, *augmentations: Augmentation) -> None:
        for augmentation in augmentations:
            if not callable(augmentation):
                raise TypeError(f"compose takes augmentations, (key, x, y) -> (x, y), not {augmentation!r}")
        object.__setattr__(self, "augmentations", augmentations)

    def __repr__(self) -> str:
        return f"compose({', '.join(map(repr, self.augmentations))})"

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        for number, augmentation in enumerate(self.augmentations):
            x, y = augmentation(jax.random.fold_in(key, number), x, y)
        return x, y


def require_images(augmentation: Augmentation, x: jax.Array) -> None:
    """ValueError unless `x` is a batch of floating point images."""
    if x.ndim != 4 or not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"{augmentation} needs floating point images of shape (batch, height, width, channels), "
            f"not {x.dtype}{list(x.shape)}"
        )
