"""Which token comes next, drawn by its probability, and which tokens may."""

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["draw_token", "keep_top_k", "keep_top_p", "require_sampling"]


def draw_token(
    key: jax.Array, logits: jax.Array, temperature: jax.Array, top_k: int | None, top_p: jax.Array | None
) -> jax.Array:
    """(B,) int32, drawn from softmax(logits / temperature) of what `top_k` and then `top_p` leave of it.

    At temperature 0 the first of the largest logits.   Shapes: logits (B, V).
    """
    logits = logits.astype(jnp.float32)
    left = logits / jnp.where(temperature == 0, 1, temperature)
    left = left if top_k is None else keep_top_k(left, top_k)
    left = left if top_p is None else keep_top_p(left, top_p)
    drawn = jax.random.categorical(key, left)
    return jnp.where(temperature == 0, jnp.argmax(logits, -1), drawn).astype(jnp.int32)


def keep_top_k(logits: jax.Array, k: int) -> jax.Array:
    """The k largest logits, the others -inf: of equal ones the first, all if there are no more than k."""
    values, places = jax.lax.top_k(logits, min(k, logits.shape[-1]))
    return jnp.put_along_axis(jnp.full_like(logits, -jnp.inf), places, values, -1, inplace=False)


def keep_top_p(logits: jax.Array, p: jax.Array | float) -> jax.Array:
    """The fewest logits, the largest first, whose softmax together reaches p; the others -inf. Of equal ones the first.

    Source:   Holtzman et al., 2020, arXiv:1904.09751, section 3.1.
    """
    order = jnp.argsort(-logits, axis=-1, stable=True)
    reached = jnp.cumsum(jax.nn.softmax(jnp.take_along_axis(logits, order, -1), -1), -1)
    before = jnp.pad(reached[..., :-1], [(0, 0)] * (logits.ndim - 1) + [(1, 0)])
    # Sums that are rounded reach 1 too early: a p of 1 keeps all.
    kept = jnp.take_along_axis((before < p) | (jnp.asarray(p) >= 1), jnp.argsort(order, axis=-1), -1)
    return jnp.where(kept, logits, -jnp.inf)


def require_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """ValueError if one of them is out of its range."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"generate needs a temperature of 0 or more, not {temperature}")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int | np.integer) or top_k < 1):
        raise ValueError(f"generate needs a top_k of 1 or more, a whole number, or None, not {top_k!r}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate needs a top_p above 0 and at most 1, or None, not {top_p!r}")
