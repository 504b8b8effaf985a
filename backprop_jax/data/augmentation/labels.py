"""Labels as distributions over the classes."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from backprop_jax.core.whole_number import whole_number

__all__ = ["soft_labels"]


@dataclass(frozen=True)
class soft_labels:
    """Labels as distributions, a share `smoothing` of each spread evenly: what `mixup` and `cutmix` mix.

        q_v = (1 - smoothing) [v = y] + smoothing / V          V = classes; a distribution takes the place of [v = y]

    Shapes:   y (B,) integer or (B, V) float -> (B, V) float32, or the dtype of a y that is a distribution; x as it is.
    Units:    smoothing is a fraction. Smoothing before mixing and after is the same.
    Raises:   ValueError if classes is no whole number of 1 or more, smoothing is outside [0, 1), or y is neither. A
              label outside [0, V) cannot be seen under jit: its distribution is NaN, and so is the loss.
    Source:   Szegedy et al., 2015, arXiv:1512.00567, section 7, for the smoothing.
    """

    classes: int
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        classes = whole_number(self.classes, least=1)
        if classes is None:
            raise ValueError(f"soft_labels needs the number of classes, 1 or more, not {self.classes!r}")
        object.__setattr__(self, "classes", classes)
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"soft_labels needs a smoothing of 0 or more and less than 1, not {self.smoothing}")

    @partial(jax.jit, static_argnums=0)
    def __call__(self, key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        if y.ndim == 1 and jnp.issubdtype(y.dtype, jnp.integer):
            known = (y >= 0) & (y < self.classes)
            y = jnp.where(known[:, None], jax.nn.one_hot(y, self.classes, dtype=jnp.float32), jnp.nan)
        elif y.ndim != 2 or y.shape[1] != self.classes or not jnp.issubdtype(y.dtype, jnp.floating):
            raise ValueError(
                f"{self} needs integer labels of shape (batch,) or distributions of shape (batch, {self.classes}), "
                f"not {y.dtype}{list(y.shape)}"
            )
        return x, (1 - self.smoothing) * y + self.smoothing / self.classes
