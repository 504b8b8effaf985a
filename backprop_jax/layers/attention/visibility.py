"""Which keys a query may look at, told tile by tile: the (T, S) mask of a long sequence is never formed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["Span", "Visibility", "visible"]


class Visibility(NamedTuple):
    """What the data say of it, beside the `causal` and `window` of the layer. A part that is None hides nothing."""

    keys: jax.Array | None = None  # (B,) whole numbers, the first keys of each being real; or (B, S) bool
    segments: tuple[jax.Array, jax.Array] | None = None  # of queries and keys, (B, T) and (B, S) integer; 0: of none
    mask: jax.Array | None = None  # (B or 1, H or 1, T, S) bool
    bias: jax.Array | None = None  # (B or 1, H or 1, T, S) float, added to the scores: it has a gradient
    start: jax.Array | None = None  # () integer: the place of the first query among the keys, 0 if None


class Span(NamedTuple):
    """Neighbouring steps."""

    first: int | jax.Array
    count: int


def visible(causal: bool, window: int | None, data: Visibility, queries: Span, keys: Span) -> jax.Array | None:
    """(B or 1, H or 1, t, s) bool for one tile, or None where every query sees every key."""
    parts = []
    at, place = places(data, queries, keys)
    if causal:
        parts.append((place <= at)[None, None])
    if window is not None:
        parts.append((jnp.abs(at - place) < window)[None, None])
    if data.keys is not None:
        parts.append(_cut(data.keys, keys)[:, None, None])
    if data.segments is not None:
        asking, answering = _cut(data.segments[0], queries)[:, :, None], _cut(data.segments[1], keys)[:, None]
        parts.append(((asking == answering) & (answering != 0))[:, None])
    if data.mask is not None:
        parts.append(_cut(_cut(data.mask, queries, 2), keys, 3))
    allowed = parts[0] if parts else None
    for part in parts[1:]:
        allowed = allowed & part
    return allowed


def places(data: Visibility, queries: Span, keys: Span) -> tuple[jax.Array, jax.Array]:
    """Where the queries (t, 1) and the keys (s,) of a tile stand."""
    start = 0 if data.start is None else data.start
    return (start + queries.first + jnp.arange(queries.count))[:, None], keys.first + jnp.arange(keys.count)


def _cut(steps: jax.Array, span: Span, axis: int = 1) -> jax.Array:
    return lax.dynamic_slice_in_dim(steps, span.first, span.count, axis)
