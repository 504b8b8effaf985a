"""Which token comes next, drawn by its probability, and which tokens may."""

import jax
import jax.numpy as jnp

from backprop_jax.core.whole_number import whole_number

__all__ = ["draw_token", "likeliest", "require_sampling"]


def draw_token(
    key: jax.Array, logits: jax.Array, temperature: jax.Array, top_k: int | None, top_p: jax.Array | None
) -> jax.Array:
    """(B,) int32, drawn from softmax(logits / temperature) of what `top_k` and then `top_p` leave of it.

    At temperature 0 the first of the largest logits.   Shapes: logits (B, V).
    """
    logits = logits.astype(jnp.float32)
    left = logits / jnp.where(temperature == 0, 1, temperature)
    if top_k is None and top_p is None:
        drawn = jax.random.categorical(key, left)
    else:
        left, tokens = likeliest(left, top_k, top_p)
        drawn = jnp.take_along_axis(tokens, jax.random.categorical(key, left)[:, None], -1)[:, 0]
    return jnp.where(temperature == 0, jnp.argmax(logits, -1), drawn).astype(jnp.int32)


def likeliest(logits: jax.Array, top_k: int | None, top_p: jax.Array | float | None) -> tuple[jax.Array, jax.Array]:
    """The `top_k` largest logits (B, K) in order, the others left out, and their tokens; of equal ones the first.

    With `top_p`, -inf takes the place of all but the fewest of these whose softmax together reaches it.

    Source:   Holtzman et al., 2020, arXiv:1904.09751, section 3.1, for top_p.
    """
    size = logits.shape[-1]
    left, tokens = jax.lax.top_k(logits, size if top_k is None else min(top_k, size))
    if top_p is None:
        return left, tokens
    reached = jnp.cumsum(jax.nn.softmax(left, -1), -1)
    before = jnp.pad(reached[:, :-1], ((0, 0), (1, 0)))
    # Sums that are rounded reach 1 too early: a p of 1 keeps all.
    return jnp.where((before < top_p) | (jnp.asarray(top_p) >= 1), left, -jnp.inf), tokens


def require_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """ValueError if one of them is out of its range."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"generate needs a temperature of 0 or more, not {temperature}")
    if top_k is not None and whole_number(top_k, least=1) is None:
        raise ValueError(f"generate needs a top_k of 1 or more, a whole number, or None, not {top_k!r}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate needs a top_p above 0 and at most 1, or None, not {top_p!r}")
