"""Errors of attention, raised while tracing: they name the layer, the shapes and what they should be."""

from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_components, require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.layers.attention.visibility import Visibility
from backprop_jax.layers.recurrent.padded import mask_of

__all__ = ["require_attention", "require_heads"]


def require_heads(layer: str, num_heads: int, num_kv_heads: int) -> None:
    """ValueError unless both are whole numbers of 1 or more, the first a multiple of the second."""
    for name, count in (("num_heads", num_heads), ("num_kv_heads", num_kv_heads)):
        if whole_number(count, least=1) is None:
            raise ValueError(f"{layer} needs {name} of 1 or more, a whole number, not {count!r}")
    if num_heads % num_kv_heads:
        raise ValueError(f"{layer} needs num_heads a multiple of num_kv_heads, not {num_heads}, {num_kv_heads}")


def require_attention(layer: Layer, x: PyTree) -> tuple[jax.Array, jax.Array, jax.Array, Visibility | None]:
    """q, k, v and what hides keys, or ValueError if they do not fit one another."""
    require_components(layer, x, 3 if len(x) < 4 else 4)
    q, k, v, *others = x
    for part in (q, k, v):
        require_float(layer, part, rank=4)
    shapes = f"q {list(q.shape)}, k {list(k.shape)}, v {list(v.shape)}"
    batch, queries, heads, width = q.shape
    if k.shape[:3] != v.shape[:3] or k.shape[0] != batch or k.shape[3] != width:
        raise ValueError(f"{layer} needs q (B, T, H, K), k (B, S, G, K), v (B, S, G, V), not {shapes}")
    if width == 0 or heads % max(k.shape[2], 1) or (heads and not k.shape[2]):
        raise ValueError(f"{layer} needs heads of some width, and of q a multiple of those of k and v, not {shapes}")
    if not others:
        return q, k, v, None
    (data,) = others
    if not isinstance(data, Visibility):
        raise ValueError(
            f"{layer} takes what hides keys as a Visibility(keys=..., mask=...), not {type(data).__name__}"
        )
    _require_visibility(layer, data, (batch, heads, queries, k.shape[1]))
    return q, k, v, data


def _require_visibility(layer: Layer, data: Visibility, scores: tuple[int, int, int, int]) -> None:
    batch, _, queries, keys = scores
    if data.keys is not None and mask_of(data.keys, keys).shape[0] != batch:
        raise ValueError(f"{layer} was given keys {list(data.keys.shape)} for {batch} sequences")
    start = data.start
    if start is not None and (jnp.shape(start) != () or not jnp.issubdtype(jnp.result_type(start), jnp.integer)):
        raise ValueError(
            f"{layer} needs one whole number as start, for all sequences, not {jnp.result_type(start)}"
            f"{list(jnp.shape(start))}"
        )
    if data.segments is not None:
        _require_segments(layer, data.segments, (batch, queries), (batch, keys))
    for name, array, kind in (("mask", data.mask, jnp.bool_), ("bias", data.bias, jnp.floating)):
        if array is None:
            continue
        fits = len(array.shape) == 4 and all(
            length == whole or (axis < 2 and length == 1)
            for axis, (length, whole) in enumerate(zip(array.shape, scores, strict=True))
        )
        if not fits or not jnp.issubdtype(array.dtype, kind):
            raise ValueError(
                f"{layer} needs a {name} of {kind.__name__.rstrip('_')} and shape {list(scores)}, the first two axes "
                f"may be 1, not {array.dtype}{list(array.shape)}"
            )


def _require_segments(layer: Layer, segments: Any, queries: tuple[int, int], keys: tuple[int, int]) -> None:
    if not isinstance(segments, tuple) or len(segments) != 2:
        found = f"tuple of {len(segments)}" if isinstance(segments, tuple) else type(segments).__name__
        raise ValueError(f"{layer} needs segments as a pair, those of queries and of keys, not {found}")
    for part, shape, of in zip(segments, (queries, keys), ("queries", "keys"), strict=True):
        if part.shape != shape or not jnp.issubdtype(part.dtype, jnp.integer):
            raise ValueError(f"{layer} needs segments of {of} as integers {shape}, not {part.dtype}{list(part.shape)}")
