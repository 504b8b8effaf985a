"""Attention by a GPU's own kernels, cuDNN's, as `jax.nn.dot_product_attention` calls them.

JAX has a name for their backward pass only as the derivative of their forward pass, so that is what is saved. What the
kernels do not promise is put around them: zeros for a query that sees no key, and for keys that are not real.
"""

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.attention.grid import Scoring
from backprop_jax.layers.attention.visibility import Span, Visibility, visible
from backprop_jax.layers.recurrent.padded import mask_of

__all__ = ["FusedResiduals", "fused_attend", "fused_backward", "has_kernels", "obstacle"]

WIDEST = 128  # heads; 256 from Hopper on, but not everywhere backward
AMPERE = 8.0  # the first compute capability of these kernels


class FusedResiduals(NamedTuple):
    pullback: Any  # holds q, k, v, the output, one number a query and head, and what hides keys
    seen: jax.Array | None  # (B or 1, T or 1, H or 1, 1) bool: which queries see a key, None if all
    real: jax.Array | None  # (B, S, 1, 1) bool: which keys are, None if all
    given: Static  # whether there was a Visibility

    def saving(self, y: jax.Array) -> "FusedResiduals":
        """The output is in the pullback."""
        return self


def has_kernels() -> bool:
    """Whether what is traced now will run on a GPU that has them, unless it is sent elsewhere."""
    config: Any = jax.config
    default = config.jax_default_device
    device: Any = default if isinstance(default, jax.Device) else jax.devices(default)[0]
    return "cuda" in device.client.platform_version and float(device.compute_capability) >= AMPERE


def obstacle(
    scoring: Scoring, drops: bool, q: jax.Array, k: jax.Array, v: jax.Array, data: Visibility | None
) -> str | None:
    """What of these the kernels do not take; None if they take them."""
    (batch, steps, heads, width), keys = q.shape, k.shape[1]
    data = data or Visibility()
    dense = _is_dense(data)
    hidden = dense or data.keys is not None
    half = q.dtype in (jnp.float16, jnp.bfloat16) and q.dtype == k.dtype == v.dtype
    problems = {
        "alibi": scoring.alibi is not None,
        "logit_softcap": scoring.logit_softcap is not None,
        "dropout": drops,
        "arrays that are empty": 0 in (batch, steps, heads, keys),
        f"{q.dtype}, {k.dtype} and {v.dtype}, only float16 or bfloat16 for all": not half,
        f"heads of width {width}, only multiples of 8 up to {WIDEST}": width % 8 != 0 or width > WIDEST,
        f"values of another width, {v.shape[3]}, than keys": v.shape[3] != width,
        f"causal attention of {steps} queries to {keys} keys": scoring.causal and steps != keys,
        "a window that is not causal, or with hidden keys": scoring.window is not None
        and (hidden or not scoring.causal),
        "a start among the keys": data.start is not None,
        # Hidden keys beside a mask or bias become part of it; without one it would have to be made, (B, 1, T, S).
        "segments": data.segments is not None and not dense,
        "keys as a mask, only as lengths": data.keys is not None and data.keys.ndim == 2 and not dense,
        f"a mask or bias of odd lengths, {steps} and {keys}": dense and (steps % 2 or keys % 2),
        "a bias of another dtype than q": data.bias is not None and data.bias.dtype != q.dtype,
    }
    return next((problem for problem, found in problems.items() if found), None)


def fused_attend(
    scoring: Scoring, q: jax.Array, k: jax.Array, v: jax.Array, data: Visibility | None
) -> tuple[jax.Array, FusedResiduals]:
    """The output (B, T, H, K), of what has no `obstacle`."""
    given, keys = data or Visibility(), k.shape[1]
    bias, mask, lengths, seen, real = given.bias, None, None, None, None
    if _is_dense(given):
        mask, seen = _hidden(scoring, given, q.shape[1], keys)
    elif given.keys is not None:
        real = mask_of(given.keys, keys)[:, :, None, None]
        seen = real[:, :1]
        # What cuDNN makes of no key at all is not said: such a sequence looks at its first, and is set to 0 below.
        lengths = jnp.clip(given.keys, 1, keys).astype(jnp.int32)

    def kernel(q: jax.Array, k: jax.Array, v: jax.Array, *bias: jax.Array) -> jax.Array:
        # -inf hides a key, but less a largest score of -inf it is no number: such keys are in the mask.
        finite = (jnp.where(part == -jnp.inf, 0, part) for part in bias)
        return jax.nn.dot_product_attention(
            q,
            k,
            v,
            next(finite, None),
            mask,
            scale=float(scoring.scale),
            is_causal=scoring.causal,
            key_value_seq_lengths=lengths,
            local_window_size=None if scoring.window is None else (scoring.window - 1, 0),
            implementation="cudnn",
        )

    y, pullback = jax.vjp(kernel, q, k, v, *(() if bias is None else (bias,)))
    y = y if seen is None else jnp.where(seen, y, 0)
    return y, FusedResiduals(pullback, seen, real, Static(data is not None))


def fused_backward(residuals: FusedResiduals, dy: jax.Array) -> PyTree:
    """The cotangent of (q, k, v), or of (q, k, v, data)."""
    pullback, seen, real, given = residuals
    dq, dk, dv, *dbias = pullback(dy if seen is None else jnp.where(seen, dy, 0))
    if real is not None:
        dk, dv = (jnp.where(real, part, 0) for part in (dk, dv))
    return (dq, dk, dv, Visibility(bias=next(iter(dbias), None))) if given.value else (dq, dk, dv)


def _is_dense(data: Visibility) -> bool:
    return data.mask is not None or data.bias is not None


def _hidden(scoring: Scoring, data: Visibility, queries: int, keys: int) -> tuple[jax.Array, jax.Array]:
    """All that hides keys but the layer's own `causal`, (B or 1, H or 1, T, S); and which queries see one then."""
    look = partial(visible, window=None, queries=Span(0, queries), keys=Span(0, keys))
    parts = data._replace(keys=None if data.keys is None else mask_of(data.keys, keys))
    told = look(False, data=parts), None if data.bias is None else data.bias > -jnp.inf
    mask = reduce(jnp.logical_and, (part for part in told if part is not None))
    order = look(scoring.causal, data=Visibility())
    seen = mask if order is None else mask & order
    return mask, jnp.swapaxes(jnp.any(seen, 3, keepdims=True), 1, 2)
