"""Clipping by the global norm where no gradient is whole."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

__all__ = ["Clip", "PreviousNorm", "TwoPasses", "factor", "require_clip"]


@dataclass(frozen=True)
class PreviousNorm:
    """Clip to max_norm as if the gradient were as long as that of the step before; the first step is not clipped."""

    max_norm: float


@dataclass(frozen=True)
class TwoPasses:
    """Clip to max_norm, exactly: a backward pass for the norm, and another for the updates."""

    max_norm: float


Clip = PreviousNorm | TwoPasses


def require_clip(clip: Clip | None) -> None:
    if not isinstance(clip, Clip | None):
        raise TypeError(f"fused_update needs PreviousNorm(...), TwoPasses(...) or None to clip, not {clip!r}")
    if clip is not None and not clip.max_norm > 0:
        raise ValueError(f"fused_update needs a max_norm above 0, not {clip.max_norm!r}")


def factor(clip: Clip | None, square_norm: jax.Array) -> jax.Array | None:
    """What the gradient is to be multiplied by, as `optim.clip_by_global_norm` does; None: by nothing."""
    if clip is None:
        return None
    norm = jnp.sqrt(square_norm)
    return jnp.where(norm > clip.max_norm, clip.max_norm / norm, 1.0)
