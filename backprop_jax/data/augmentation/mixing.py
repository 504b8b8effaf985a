"""Images mixed with others of their batch, and their labels in the same proportion."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from backprop_jax.data.augmentation.boxes import random_boxes
from backprop_jax.data.augmentation.protocol import Augmentation, require_images

__all__ = ["cutmix", "mixup"]


@dataclass(frozen=True)
class mixup:
    """Each image and label mixed with those of another, in one proportion.

        x_b' = λ_b x_b + (1 - λ_b) x_π(b),   y_b' = λ_b y_b + (1 - λ_b) y_π(b),   λ_b ~ Beta(alpha, alpha)

    with π a random permutation of the batch. Each image has a λ of its own; in the paper's experiments a batch has one.

    Shapes:   x (B, H, W, C) float, y (B, V) float distributions -> the same.
    Units:    alpha near 0 hardly mixes; at 1 all proportions are as likely.
    Raises:   ValueError if alpha is not positive, x holds no images, or y no distributions: `soft_labels` makes them.
    Source:   Zhang et al., 2018, arXiv:1710.09412, eq. 1 and 2.
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        _require_alpha(self, self.alpha)

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        _require_distributions(self, x, y)
        share_key, other_key = jax.random.split(key)
        share = _shares(share_key, self.alpha, len(x))
        other = jax.random.permutation(other_key, len(x))
        return _mix(share, x, x[other]), _mix(share, y, y[other])


@dataclass(frozen=True)
class cutmix:
    """A box of each image taken from another, and as large a share of its label.

        x_b' = x_π(b) in the box, x_b elsewhere,   y_b' = λ_b y_b + (1 - λ_b) y_π(b)

    The box has the shape of the image and the share 1 - λ of its area, λ ~ Beta(alpha, alpha), sides rounded down to
    whole pixels and its centre on a random pixel. The label is mixed with λ_b, 1 less the share of the area that the
    box then has inside the image.

    Shapes:   x (B, H, W, C) float, y (B, V) float distributions -> the same.
    Units:    at alpha = 1, the paper's choice, all shares are as likely.
    Raises:   ValueError if alpha is not positive, x holds no images, or y no distributions: `soft_labels` makes them.
    Source:   Yun et al., 2019, arXiv:1905.04899, eq. 1 and 2.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        _require_alpha(self, self.alpha)

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        _require_distributions(self, x, y)
        share_key, other_key, box_key = jax.random.split(key, 3)
        side = jnp.sqrt(1 - _shares(share_key, self.alpha, len(x)))
        other = jax.random.permutation(other_key, len(x))
        heights, widths = ((side * length).astype(jnp.int32) for length in x.shape[1:3])
        taken = random_boxes(box_key, x, heights, widths)
        pixels = jnp.sum(taken, (1, 2, 3))
        share = 1 - pixels / (x.shape[1] * x.shape[2])
        return jnp.where(taken, x[other], x), _mix(share, y, y[other])


def _shares(key: jax.Array, alpha: float, count: int) -> jax.Array:
    """Draws from Beta(alpha, alpha), as the share of one gamma variable in the sum of two."""
    one, other = jax.random.loggamma(key, alpha, (2, count))  # jax.random.beta takes twice as long to compile
    return jax.nn.sigmoid(one - other)


def _mix(share: jax.Array, ours: jax.Array, others: jax.Array) -> jax.Array:
    share = share.reshape(-1, *(1,) * (ours.ndim - 1))
    return (share * ours + (1 - share) * others).astype(ours.dtype)


def _require_alpha(augmentation: Augmentation, alpha: float) -> None:
    if not alpha > 0:
        raise ValueError(f"{type(augmentation).__name__} needs an alpha above 0, not {alpha}")


def _require_distributions(augmentation: Augmentation, x: jax.Array, y: jax.Array) -> None:
    require_images(augmentation, x)
    if y.ndim != 2 or not jnp.issubdtype(y.dtype, jnp.floating):
        raise ValueError(
            f"{augmentation} mixes distributions over the classes, of shape (batch, classes), "
            f"not labels {y.dtype}{list(y.shape)}: put soft_labels(classes) before it"
        )
